"""Run a config, as published but for the reader's own values, on one build of its proxy."""

from __future__ import annotations

import contextlib
import os
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

from .process import ROOT, LabError, answers, on_free_ports, running, workspace
from .recipe import Recipe
from .standin import StandIn
from .zoo import Build

NOWHERE = "says where to listen"


@dataclass(frozen=True)
class Proxy:
    """A running proxy in front of a stand-in; readers reach it as `localhost` on its two ports."""

    recipe: Recipe
    build: Build
    config: Path
    dss: StandIn
    folder: Path
    http: int
    https: int
    tls: ssl.SSLContext | None
    """What a reader's browser trusts, when the config speaks HTTPS."""
    address: str

    @property
    def authority(self) -> Path:
        """The root certificate in PEM, for programs that want a file."""
        return self.folder / "authority.pem"

    @property
    def port(self) -> int:
        """The port of the page."""
        return self.https if self.tls else self.http

    @property
    def origin(self) -> str:
        """The address in the reader's browser, without a slash at the end."""
        return f"http{'s' if self.tls else ''}://localhost:{self.port}"

    def log(self) -> str:
        """Return what the proxy has complained about."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "proxy.log").read_text(errors="replace")
        return ""

    def command(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a command line of the page as it stands, on this proxy instead of the system's own."""
        return subprocess.run(
            ["sh", "-c", line],
            cwd=ROOT,
            env=_path(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )


@contextlib.contextmanager
def proxy(
    recipe: Recipe, build: Build, config: Path, dss: StandIn, *, text: str | None = None, address: str | None = None
) -> Iterator[Proxy]:
    """Run `config` (or `text` in its place) in front of `dss` for the length of the block.

    `address`, an address of loopback that nobody else uses, gives HTTPS the port it has in production: 443.

    Raises LabError with the proxy's own words when it does not start.
    """
    text = config.read_text() if text is None else text
    authority = trustme.CA()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        _certificates(authority, folder)
        _shim(recipe, build, folder)

        def serve(http: int, https: int) -> Proxy:
            own, https = (address, 443) if address else ("127.0.0.1", https)
            values: dict[str, object] = {"dss": dss.port, "address": own, "http": http, "https": https}
            values |= {"certificate": folder / "site.pem", "key": folder / "site.key"}
            filled = _lay_out(recipe, folder, text, values)
            tls = _trust(authority) if f"{own}:{https}" in filled else None
            here = Proxy(recipe, build, config, dss, folder, http, https, tls, own)
            whole = recipe.fill(config.read_text(), values)
            for port in (http, https):
                if f"{own}:{port}" in whole and f"{own}:{port}" not in filled:
                    raise LabError(f"{config.name} lacks a line that {NOWHERE}: its default is a port open to all")
            command = shlex.split(recipe.declared["start"])
            process = stack.enter_context(running(command, folder, "proxy", _path(folder)))
            process.wait_until(lambda: answers(here.port, own))
            return here

        yield on_free_ports(2, serve)


def _lay_out(recipe: Recipe, folder: Path, text: str, values: Mapping[str, object]) -> str:
    """Put the filled config where it belongs in a fresh installation, also filled; return the filled config."""
    target = folder / recipe.declared["installed_as"]
    target.parent.mkdir(parents=True, exist_ok=True)
    filled = recipe.fill(text, values)
    target.write_text(filled)
    for path in recipe.folder.glob("lab.*"):
        (folder / path.name).write_text(recipe.fill(path.read_text(), values))
    return filled


def _path(folder: Path) -> dict[str, str]:
    """Put the shims first, and the Python that runs us where a reader's shell finds it."""
    first = [str(folder / "bin"), str(Path(sys.executable).parent)]
    return {**os.environ, "PATH": os.pathsep.join([*first, os.environ["PATH"]])}


def _shim(recipe: Recipe, build: Build, folder: Path) -> None:
    """Make the bare name of the program mean this build and this folder, for the commands of the page."""
    arguments = [word.format(folder=folder) for word in recipe.declared["arguments"]]
    shim = folder / "bin" / recipe.program
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shlex.join([str(build.path), *arguments])} "$@"\n')
    shim.chmod(0o755)


def _certificates(authority: trustme.CA, folder: Path) -> None:
    """Write the reader's certificate, signed by an intermediate one, and another site's."""
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issuer = authority.create_child_ca()
    for name, identity in (("site", "localhost"), ("other", "other.example.com")):
        leaf = issuer.issue_cert(identity)
        leaf.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))


def _trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
