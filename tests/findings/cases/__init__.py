"""Evidence for and against each cause, one module each."""
