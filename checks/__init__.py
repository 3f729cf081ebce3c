"""Everything of the knowledge base that runs: recipes, the lab that runs them, and the diagnosis."""

__version__ = "0.1.0"
"""The version of the site and of the commands, or of the next release; nothing else repeats it."""
