"""Replace setuptools while pip downloads a source package: see build_meta."""
