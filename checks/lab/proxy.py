"""Run a published config on one build of its proxy, in front of a stand-in.

It changes only the values that users set themselves, such as ports and host names.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

from .builds import Build, library_path
from .process import (
    ROOT,
    LabError,
    NotInstalledError,
    Process,
    is_listening,
    on_free_ports,
    running,
    unprivileged,
    workspace,
)
from .programs import program, search_path
from .recipe import Recipe
from .standin import StandIn

NO_PORT = "the line that sets the port to listen on"
"""What a config lacks that must not run; tests look for it in the error."""


@dataclass(frozen=True)
class Proxy:
    """A running proxy in front of a stand-in, reachable as `localhost` on two ports."""

    recipe: Recipe
    build: Build
    config: Path
    dss: StandIn
    folder: Path
    http: int
    https: int
    tls: ssl.SSLContext | None
    """What a client must trust, if the config is for HTTPS."""
    address: str
    process: Process

    @property
    def authority(self) -> Path:
        """The root certificate in PEM, for programs that need a file."""
        return self.folder / "authority.pem"

    @property
    def port(self) -> int:
        """The port of the page."""
        return self.https if self.tls else self.http

    @property
    def origin(self) -> str:
        """The URL in the browser, without a slash at the end."""
        return f"http{'s' if self.tls else ''}://localhost:{self.port}"

    def log(self) -> str:
        """Return the proxy's log, minus lines matching `[quiet]` in recipe.toml."""
        log = self.process.output()
        with contextlib.suppress(FileNotFoundError):
            log += (self.folder / "proxy.log").read_text(errors="replace")
        quiet = list(self.recipe.file.quiet)
        lines = log.splitlines(keepends=True)
        return "".join(line for line in lines if not any(re.search(pattern, line) for pattern in quiet))

    def command(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a command line of the page on this proxy instead of an installed one.

        websocket-doctor.pyz runs the modules of this checkout.
        """
        doctor = self.folder / "websocket-doctor.pyz"
        doctor.write_text(
            f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom checks.cli import main\nsys.exit(main())\n"
        )
        line = line.replace(self.recipe.etc, str(self.folder)).replace(f" {doctor.name}", f" {doctor}")
        return subprocess.run(
            ["sh", "-c", line],
            cwd=ROOT,
            env=_environment(self.recipe, self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )


@contextlib.contextmanager
def proxy(
    recipe: Recipe,
    build: Build,
    config: Path,
    dss: StandIn,
    *,
    changed: Mapping[Path, str] | None = None,
    address: str | None = None,
) -> Iterator[Proxy]:
    """Run a config and its parts in front of `dss` for the length of the block.

    `changed` replaces the text of some of these files, and adds others by where they are installed. `address` is a
    loopback address that nothing else uses: with it, HTTPS is on port 443, as in production.

    Raises LabError with the proxy's output if it does not start, and NotInstalledError if the build, or a program that
    it needs, is not on this machine.
    """
    if not build.path.is_file():
        raise NotInstalledError(build.what)
    for needed in recipe.file.programs:
        program(needed)
    published = recipe.texts(config)
    texts = {**published, **{recipe.changed(path): text for path, text in (changed or {}).items()}}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        trust = _certificates(folder)
        tls = trust if recipe.secure(config) else None

        def start(http: int, https: int) -> Proxy:
            own, https = (address, 443) if address else ("127.0.0.1", https)
            values = _values(folder, build, dss, {"address": own, "http": http, "https": https})
            _require_ports(recipe, published, texts, values)
            _lay_out(recipe, build, texts, values)
            process = stack.enter_context(_start(recipe, values))
            (folder / "main.pid").write_text(str(process.pid))
            site = Proxy(recipe, build, config, dss, folder, http, https, tls, own, process)
            _wait(site)
            return site

        yield on_free_ports(2, start)


def _values(folder: Path, build: Build, dss: StandIn, listen: Mapping[str, object]) -> dict[str, object]:
    """Return what the placeholders of recipe.toml are replaced with."""
    certificate = {"certificate": folder / "site.pem", "key": folder / "site.key", "bundle": folder / "site.bundle.pem"}
    return {"dss": dss.port, **listen, **certificate, "folder": folder, "root": build.root}


def _start(recipe: Recipe, values: Mapping[str, object]) -> contextlib.AbstractContextManager[Process]:
    """Return a context manager that runs the proxy."""
    folder = Path(str(values["folder"]))
    command = unprivileged(folder) if recipe.file.unprivileged else []
    command += shlex.split(recipe.file.start.format_map(values))
    return running(command, folder, "proxy", _environment(recipe, folder), recipe.file.patience)


def _wait(site: Proxy) -> None:
    """Return when the proxy is ready.

    Raises LabError with the proxy's output if it ends, or opens no port in time.
    """
    site.process.wait_until(lambda: is_listening(site.port, site.address), seconds=10)  # most need less than one
    confirm_start(site)
    if site.recipe.file.settles:
        _wait_for_routes(site)


def _require_ports(
    recipe: Recipe, published: Mapping[Path, str], texts: Mapping[Path, str], values: Mapping[str, object]
) -> None:
    """Raise LabError if a line that sets a port was removed.

    The default of a proxy may be a port that other machines can reach.
    """
    for path, text in published.items():
        filled = recipe.fill(texts[path], values)
        for port in (values["http"], values["https"]):
            if str(port) in recipe.fill(text, values) and str(port) not in filled:
                raise LabError(f"{path.name} lacks {NO_PORT}: the default may be reachable from other machines")


def _lay_out(recipe: Recipe, build: Build, texts: Mapping[Path, str], values: Mapping[str, object]) -> None:
    """Write a fresh installation, with each config added to its file, and shims.

    In the files of the installation, LAB_DSS and similar words are placeholders too, besides the recipe's blanks.
    """
    folder, lab = Path(str(values["folder"])), recipe.folder / "lab"
    for path in recipe.surroundings:
        text = recipe.fill(path.read_text(), values)
        for name, value in values.items():
            text = re.sub(rf"\bLAB_{name.upper()}\b", str(value), text)
        _write(folder / path.relative_to(lab), text)
    for path, text in texts.items():
        installed = path if path.is_relative_to(recipe.etc) else recipe.parts.get(path, recipe.file.installed_as)
        target = folder / Path(installed).relative_to(recipe.etc)
        before = target.read_text() if (lab / target.relative_to(folder)).exists() else ""
        _write(target, before + recipe.fill(text, values))
    _shims(recipe, build, values)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _environment(recipe: Recipe, folder: Path) -> dict[str, str]:
    """Return an environment with the shims and this Python on PATH."""
    own = {name: value.format(folder=folder) for name, value in recipe.file.environment.items()}
    return {**os.environ, **own, "PATH": search_path(folder / "bin", Path(sys.executable).parent)}


def _shims(recipe: Recipe, build: Build, values: Mapping[str, object]) -> None:
    """Write shims for the proxy's command and systemctl."""
    arguments = [word.format_map(values) for word in recipe.file.arguments]
    variables = [f"{name}={shlex.quote(value)}" for name, value in library_path(build.libraries).items()]
    call = " ".join([*variables, "exec", shlex.join([str(build.path), *arguments])])
    reload = recipe.file.unit.reload
    folder = Path(str(values["folder"]))
    unit = f"MAINPID=$(cat {shlex.quote(str(folder / 'main.pid'))})\n{reload.format_map(values)}"
    for name, line in ((recipe.called, f'{call} "$@"'), ("systemctl", unit)):
        # Linux does not run a program that some process has open for writing (ETXTBSY). A child that another thread
        # forks at this moment would inherit our open file, so another process writes it.
        write = ["sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1" && chmod 755 "$1"', "sh", str(folder / "bin" / name)]
        subprocess.run(write, input=f"#!/bin/sh\n{line}\n", text=True, check=True)


def _wait_for_routes(site: Proxy) -> None:
    """Wait for a proxy that opens its ports before it has read all its routes."""
    with contextlib.suppress(LabError):  # a config without a route always responds with 404
        site.process.wait_until(lambda: _status(site) not in {None, 404}, seconds=3)


def confirm_start(site: Proxy) -> None:
    """Return when the proxy has responded, or keeps running without a response.

    An open port is not enough: some proxies open theirs before they find that they cannot start. A proxy that is ending
    does not respond.

    Raises LabError with the proxy's output if it ends.
    """
    if _status(site) is None and site.process.ends_within(1):
        raise LabError(f"proxy ended after it had opened its ports:\n{site.process.output()}")


def _status(site: Proxy) -> int | None:
    """Return the status code of the health check, or None after a second."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # a wrong certificate is a response too
    connection = (
        http.client.HTTPSConnection(site.address, site.port, timeout=1, context=tls)
        if site.tls
        else http.client.HTTPConnection(site.address, site.port, timeout=1)
    )
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        connection.request("GET", "/dip/api/ping", headers={"Host": f"localhost:{site.port}"})
        return connection.getresponse().status
    return None


def _certificates(folder: Path) -> ssl.SSLContext:
    """Write the site's certificate, with an intermediate one, and another site's.

    Return a context that trusts their authority.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issuer = authority.create_child_ca()
    for name, identity in (("site", "localhost"), ("other", "other.example.com")):
        leaf = issuer.issue_cert(identity)
        leaf.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.bundle.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context
