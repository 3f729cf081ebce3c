"""Run a company's forward proxy: Squid with the access rules Debian ships, and what an administrator adds."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
import secrets
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from .process import BRIEF, LabError, Process, answers, on_free_ports, running, unprivileged, workspace
from .proxy import Proxy
from .standin import StandIn
from .zoo import Build, numbers

HERE = Path(__file__).parent / "squid"
NAMES = ("localhost", "dss.example.com")
"""The names under which the proxy finds the site."""


@dataclass(frozen=True)
class Forward:
    """A running forward proxy on a port of loopback."""

    build: Build
    folder: Path
    port: int
    process: Process
    tls: ssl.SSLContext | None
    """What the company's browsers trust, when the proxy inspects TLS: only the proxy itself."""

    @property
    def url(self) -> str:
        """The address as browsers and libraries want it."""
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """Return what the proxy said, and a line `status method target` for each request it answered."""
        return self.process.said() + (self.folder / "access.log").read_text(errors="replace")

    def wait_for(self, answered: str) -> None:
        """Return when the log has this line; Squid writes it after the answer.

        Raises LabError when it does not come.
        """
        try:
            self.process.wait_until(lambda: answered in self.log().splitlines())
        except LabError as error:
            raise LabError(f"{self.build} did not log {answered!r}") from error


def can_inspect(build: Build) -> bool:
    """Tell whether this Squid can open TLS: Debian's `squid` cannot, its `squid-openssl` can."""
    said = subprocess.run([build.path, "-v"], capture_output=True, text=True, check=False, timeout=20)
    return "--with-openssl" in said.stdout


@contextlib.contextmanager
def forward(
    build: Build, site: StandIn | Proxy, *added: Path, inspects: bool = False, login: str = ""
) -> Iterator[Forward]:
    """Run a forward proxy that knows `site` by NAMES, for the length of the block.

    `added` are configs for its conf.d, in the order in which it shall read them, `site` put in their blanks.
    With `inspects` it opens the TLS of all it tunnels, unless an added config says otherwise. With `login`,
    `name:password`, it serves only who logs in so.

    Raises LabError with Squid's own words when it does not start.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        address = site.address if isinstance(site, Proxy) else "127.0.0.1"
        (folder / "hosts").write_text(f"{address} {' '.join(NAMES)}\n")
        (folder / "conf.d").mkdir()
        for place, path in enumerate(added, 1):
            text = path.read_text().replace("DSS_PORT", str(site.port)).replace("dss.example.com", "localhost")
            (folder / "conf.d" / f"{place}-{path.name}").write_text(text)
        tls = _inspector(site, folder) if inspects else None
        if login:
            name, _, password = login.partition(":")
            digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()  # the helper wants it
            (folder / "passwords").write_text(f"{name}:{digest}\n")

        def serve(port: int) -> Forward:
            name = f"lab{secrets.token_hex(4)}"
            (folder / "squid.conf").write_text(config(build, port, inspects=inspects, login=bool(login)))
            (folder / "conf.d" / "0-lab.conf").write_text((HERE / "lab.conf").read_text().replace("NAME", name))
            stack.callback(_forget, name)
            command = [*unprivileged(folder), str(build.path), "-N", "-d1", "-n", name, "-f", "squid.conf"]
            process = stack.enter_context(running(command, folder, "squid", patience=BRIEF))
            process.wait_until(lambda: _answers(port, name))
            return Forward(build, folder, port, process, tls)

        here = on_free_ports(1, serve)
        try:
            yield here
        except Exception as error:
            error.add_note(f"\nlog of {build}:\n{here.log()}")
            raise


@contextlib.contextmanager
def socks(login: str = "") -> Iterator[str]:
    """Run a SOCKS5 proxy, pproxy, for the length of the block, and give its address; `login` is `name:password`.

    Raises LabError with its own words when it does not start.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())

        def serve(port: int) -> str:
            address = f"socks5://127.0.0.1:{port}"
            command = [sys.executable, "-m", "pproxy", "-l", f"{address}#{login}" if login else address]
            process = stack.enter_context(running(command, folder, "pproxy", patience=BRIEF))
            process.wait_until(lambda: answers(port))
            return address

        yield on_free_ports(1, serve)


def config(build: Build, port: int, *, inspects: bool = False, login: bool = False) -> str:
    """Return the squid.conf with which the lab runs this build, without what is in its conf.d."""
    text = re.sub(
        r"(?m)^(.+?) +# (since|before) (\d+)\n", lambda line: _rule(line, build), (HERE / "squid.conf").read_text()
    )
    if inspects:
        text = text.replace("http_port 127.0.0.1:PORT\n", (HERE / "inspects.conf").read_text())
    if login:
        # Readers are elsewhere; those of the lab are on this machine, as the site is.
        text = re.sub(r"(?m)^http_access (allow localhost|deny to_localhost)\n", "", text)
        text = text.replace("http_access deny all\n", (HERE / "login.conf").read_text())
    # Without -s the helper keeps nothing on disk.
    helpers = build.path.parents[1] / "lib" / "squid"
    if build.root != Path("/"):
        share = build.root / "usr" / "share" / "squid"
        text += (HERE / "elsewhere.conf").read_text().replace("SHARE", str(share))
    return text.replace("PORT", str(port)).replace("HELPERS", str(helpers))


def _rule(line: re.Match[str], build: Build) -> str:
    """Return a line that stands in the squid.conf of some versions only; nothing for another version."""
    newer = build.release >= numbers(line[3])
    return f"{line[1]}\n" if newer == (line[2] == "since") else ""


def _inspector(site: StandIn | Proxy, folder: Path) -> ssl.SSLContext:
    """Write the authority in whose name the proxy inspects; return the trust in it alone."""
    if not isinstance(site, Proxy):
        raise LabError("there is no TLS to inspect: the stand-in alone speaks plain HTTP")
    shutil.copy(site.authority, folder)
    authority = trustme.CA(organization_name="TLS inspection of the company")
    (folder / "inspector.pem").write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(tls)
    return tls


def _answers(port: int, name: str) -> bool:
    """Tell whether the Squid of this name, and not somebody else on its port, answers a request."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(asked):
        asked.request("GET", "/")
        return name in asked.getresponse().headers.get("Via", "")
    return False


def _forget(name: str) -> None:
    """Remove the shared memory of a Squid that was killed; one that ended by itself has done so."""
    for path in Path("/dev/shm").glob(f"{name}-*"):  # noqa: S108  # no file of ours: Squid chose the place
        path.unlink()
