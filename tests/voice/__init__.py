"""Check the wording of pages, messages, docstrings, comments and test names."""
