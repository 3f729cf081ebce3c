"""Answer pip's questions about a source package without building it.

`pip download` needs the name and version of a source package, and some packages compile everything to report them.
This build backend reads them from the package's PKG-INFO instead (PEP 517, prepare_metadata_for_build_wheel).
"""

from __future__ import annotations

from pathlib import Path


class __legacy__:  # noqa: N801  # the name that pip calls for a package without pyproject.toml
    """The hooks of the build backend."""

    @staticmethod
    def prepare_metadata_for_build_wheel(folder: str, _: object = None) -> str:
        """Write the metadata of the package in the current folder; return where."""
        lines = Path("PKG-INFO").read_text().splitlines()
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        kept = "".join(f"{name}: {fields[name]}\n" for name in ("Metadata-Version", "Name", "Version"))
        metadata = Path(folder, f"{fields['Name'].replace('-', '_')}-{fields['Version']}.dist-info")
        metadata.mkdir()
        (metadata / "METADATA").write_text(kept)
        return metadata.name
