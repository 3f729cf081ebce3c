"""The code of the knowledge base: recipes, the lab, and the diagnosis."""

__version__ = "0.1.0"
"""The version of the site and the commands, or of the next release.

It is set here only.
"""
