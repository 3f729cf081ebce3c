"""Stands in for setuptools where a source package is downloaded: see build_meta."""
