"""Run a config, as published but for the reader's own values, on one build of its proxy."""

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

from .process import BRIEF, ROOT, LabError, Process, answers, on_free_ports, running, unprivileged, workspace
from .recipe import Recipe
from .standin import StandIn
from .zoo import Build, library_path, program, search_path

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
    process: Process

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
        """Return what the proxy has complained about, but for what its recipe.toml says is no complaint."""
        said = self.process.said()
        with contextlib.suppress(FileNotFoundError):
            said += (self.folder / "proxy.log").read_text(errors="replace")
        quiet = list(self.recipe.declared.get("quiet", {}))
        lines = said.splitlines(keepends=True)
        return "".join(line for line in lines if not any(re.search(pattern, line) for pattern in quiet))

    def command(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a command line of the page as it stands, on this proxy instead of the system's own."""
        return subprocess.run(
            ["sh", "-c", line.replace(self.recipe.etc, str(self.folder))],
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
    """Run `config` and the parts that go with it in front of `dss` for the length of the block.

    `changed` holds another text for some of these files. `address`, an address of loopback that nobody else uses,
    gives HTTPS the port it has in production: 443.

    Raises LabError with the proxy's own words when it does not start, and NotInstalledError when it needs a program
    that is not on this machine.
    """
    for needed in recipe.declared.get("programs", []):
        program(needed)
    published = {path: path.read_text() for path in (recipe.base(config), *recipe.parts)}
    if part := recipe.needs(config).get("part"):  # the mistake is in one of the parts
        published[recipe.folder / part] = config.read_text()
    elif config in recipe.twins:
        published = {config: config.read_text(), **{path: published[path] for path in recipe.parts}}
    texts = {**published, **(changed or {})}
    authority = trustme.CA()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        _certificates(authority, folder)
        environment = _environment(recipe, folder)
        tls = _trust(authority) if recipe.secure(config) else None

        def serve(http: int, https: int) -> Proxy:
            own, https = (address, 443) if address else ("127.0.0.1", https)
            values: dict[str, object] = {"dss": dss.port, "address": own, "http": http, "https": https}
            values |= {"certificate": folder / "site.pem", "key": folder / "site.key"}
            values |= {"bundle": folder / "site.bundle.pem", "folder": folder, "root": build.root}
            _stay_home(recipe, published, texts, values)
            _lay_out(recipe, texts, values)
            _shims(recipe, build, values)
            command = [*(unprivileged(folder) if recipe.declared.get("unprivileged") else [])]
            command += shlex.split(recipe.declared["start"].format_map(values))
            patience = recipe.declared.get("patience", BRIEF)
            process = stack.enter_context(running(command, folder, "proxy", environment, patience))
            (folder / "main.pid").write_text(str(process.pid))
            here = Proxy(recipe, build, config, dss, folder, http, https, tls, own, process)
            process.wait_until(lambda: answers(here.port, own), seconds=10)  # most take less than one
            confirm_start(here)
            if recipe.declared.get("settles"):
                _settle(here)
            return here

        yield on_free_ports(2, serve)


def _stay_home(
    recipe: Recipe, published: Mapping[Path, str], texts: Mapping[Path, str], values: Mapping[str, object]
) -> None:
    """Raise LabError when a line that holds a port was taken out: a proxy may have a default, open to all."""
    for path, text in published.items():
        filled = recipe.fill(texts[path], values)
        for port in (values["http"], values["https"]):
            if str(port) in recipe.fill(text, values) and str(port) not in filled:
                raise LabError(f"{path.name} lacks a line that {NOWHERE}: its default is a port open to all")


def _lay_out(recipe: Recipe, texts: Mapping[Path, str], values: Mapping[str, object]) -> None:
    """Lay out a fresh installation, then put each filled config where it belongs: at the end of what stands there.

    In the files of the installation, LAB_DSS and the like stand for the values, besides the blanks of the recipe.
    """
    folder, lab = Path(str(values["folder"])), recipe.folder / "lab"
    for path in recipe.surroundings:
        text = recipe.fill(path.read_text(), values)
        for name, value in values.items():
            text = re.sub(rf"\bLAB_{name.upper()}\b", str(value), text)
        _write(folder / path.relative_to(lab), text)
    for path, text in texts.items():
        target = folder / Path(recipe.parts.get(path, recipe.declared["installed_as"])).relative_to(recipe.etc)
        before = target.read_text() if (lab / target.relative_to(folder)).exists() else ""
        _write(target, before + recipe.fill(text, values))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _environment(recipe: Recipe, folder: Path) -> dict[str, str]:
    """Put the shims first, and the Python that runs us where a reader's shell finds it."""
    own = {name: value.format(folder=folder) for name, value in recipe.declared.get("environment", {}).items()}
    return {**os.environ, **own, "PATH": search_path(folder / "bin", Path(sys.executable).parent)}


def _shims(recipe: Recipe, build: Build, values: Mapping[str, object]) -> None:
    """Make the commands of the page mean this build and this folder: the program's own name, and systemctl."""
    arguments = [word.format_map(values) for word in recipe.declared.get("arguments", [])]
    variables = [f"{name}={shlex.quote(value)}" for name, value in library_path(build.libraries).items()]
    call = " ".join([*variables, "exec", shlex.join([str(build.path), *arguments])])
    reload = recipe.declared.get("unit", {}).get("reload", "exit 1")
    folder = Path(str(values["folder"]))
    unit = f"MAINPID=$(cat {shlex.quote(str(folder / 'main.pid'))})\n{reload.format_map(values)}"
    for name, line in ((recipe.called, f'{call} "$@"'), ("systemctl", unit)):
        # Another process writes it: a child that another thread forks at this moment would inherit our open file, and
        # Linux runs no program that some process has open for writing (ETXTBSY).
        write = ["sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1" && chmod 755 "$1"', "sh", str(folder / "bin" / name)]
        subprocess.run(write, input=f"#!/bin/sh\n{line}\n", text=True, check=True)


def _settle(site: Proxy) -> None:
    """Wait until the routes are there, for a proxy that opens its ports before it has read them all."""
    with contextlib.suppress(LabError):  # a config without a route never answers otherwise
        site.process.wait_until(lambda: _status(site) not in {None, 404}, seconds=3)


def confirm_start(site: Proxy) -> None:
    """Return when the proxy has answered a request, or has not ended although it does not answer.

    An open port proves little: some proxies open theirs before they find that they cannot start. A proxy that is
    ending answers no request.

    Raises LabError with the proxy's own output when it ends.
    """
    if _status(site) is None and site.process.ends_within(1):
        raise LabError(f"proxy ended after it had opened its ports:\n{site.process.said()}")


def _status(site: Proxy) -> int | None:
    """Return the status of the health check; None when there is no response within a second."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # a wrong certificate is an answer, too
    connection = (
        http.client.HTTPSConnection(site.address, site.port, timeout=1, context=tls)
        if site.tls
        else http.client.HTTPConnection(site.address, site.port, timeout=1)
    )
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        connection.request("GET", "/dip/api/ping", headers={"Host": f"localhost:{site.port}"})
        return connection.getresponse().status
    return None


def _certificates(authority: trustme.CA, folder: Path) -> None:
    """Write the reader's certificate, signed by an intermediate one, and another site's."""
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issuer = authority.create_child_ca()
    for name, identity in (("site", "localhost"), ("other", "other.example.com")):
        leaf = issuer.issue_cert(identity)
        leaf.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.bundle.pem"))


def _trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
