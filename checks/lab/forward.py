"""Run a forward proxy: Squid with Debian's access rules, or a SOCKS proxy."""

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

from .builds import Build, numbers
from .process import STOP_TIMEOUT, LabError, Process, is_listening, on_free_ports, running, unprivileged, workspace
from .proxy import Proxy
from .standin import StandIn

HERE = Path(__file__).parent / "squid"
NAMES = ("localhost", "dss.example.com")
"""The host names of the site, which the proxy resolves."""


@dataclass(frozen=True)
class Forward:
    """A running forward proxy on a port of loopback."""

    build: Build
    folder: Path
    port: int
    process: Process
    tls: ssl.SSLContext | None
    """Trust in the proxy's authority alone, if it does TLS inspection."""

    @property
    def url(self) -> str:
        """The URL of the proxy, for browsers and libraries."""
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """Return the proxy's output, and a line `status method target` for each response."""
        return self.process.output() + (self.folder / "access.log").read_text(errors="replace")

    def wait_for(self, line: str) -> None:
        """Return when the log has this line; Squid writes it after the response.

        Raises LabError if it does not appear.
        """
        try:
            self.process.wait_until(lambda: line in self.log().splitlines())
        except LabError as error:
            raise LabError(f"{self.build} did not log {line!r}") from error


def can_inspect(build: Build) -> bool:
    """Return whether this Squid can decrypt TLS.

    Debian's `squid` cannot, `squid-openssl` can.
    """
    version = subprocess.run([build.path, "-v"], capture_output=True, text=True, check=False, timeout=20)
    return "--with-openssl" in version.stdout


@contextlib.contextmanager
def forward(
    build: Build, site: StandIn | Proxy, *added: Path, inspects: bool = False, login: str = ""
) -> Iterator[Forward]:
    """Run a forward proxy that resolves NAMES to `site`, for the length of the block.

    `added` are configs for its conf.d, in the order in which it reads them, with the port of `site` filled in.
    With `inspects`, it decrypts TLS in every tunnel, unless an added config excludes it. With `login`, `name:password`,
    it requires these credentials.

    Raises LabError with Squid's output if it does not start.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        _lay_out(folder, site, added, login)
        tls = _inspector(site, folder) if inspects else None

        def start(port: int) -> Forward:
            name = f"lab{secrets.token_hex(4)}"
            (folder / "squid.conf").write_text(config(build, port, inspects=inspects, login=bool(login)))
            (folder / "conf.d" / "0-lab.conf").write_text((HERE / "lab.conf").read_text().replace("NAME", name))
            stack.callback(_remove_shared_memory, name)
            command = [*unprivileged(folder), str(build.path), "-N", "-d1", "-n", name, "-f", "squid.conf"]
            process = stack.enter_context(running(command, folder, "squid", stop_timeout=STOP_TIMEOUT))
            process.wait_until(lambda: _is_ready(port, name))
            return Forward(build, folder, port, process, tls)

        company = on_free_ports(1, start)
        try:
            yield company
        except Exception as error:
            error.add_note(f"\nlog of {build}:\n{company.log()}")
            raise


def _lay_out(folder: Path, site: StandIn | Proxy, added: Sequence[Path], login: str) -> None:
    """Write the files that squid.conf refers to: hosts, added configs, passwords."""
    address = site.address if isinstance(site, Proxy) else "127.0.0.1"
    (folder / "hosts").write_text(f"{address} {' '.join(NAMES)}\n")
    (folder / "conf.d").mkdir()
    for place, path in enumerate(added, 1):
        text = path.read_text().replace("DSS_PORT", str(site.port)).replace("dss.example.com", "localhost")
        (folder / "conf.d" / f"{place}-{path.name}").write_text(text)
    if login:
        name, _, password = login.partition(":")
        digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()  # the format of Squid's helper
        (folder / "passwords").write_text(f"{name}:{digest}\n")


@contextlib.contextmanager
def socks(login: str = "") -> Iterator[str]:
    """Run pproxy, a SOCKS5 proxy, for the length of the block, and yield its URL.

    With `login`, `name:password`, it requires these credentials.

    Raises LabError with its output if it does not start.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())

        def start(port: int) -> str:
            url = f"socks5://127.0.0.1:{port}"
            command = [sys.executable, "-m", "pproxy", "-l", f"{url}#{login}" if login else url]
            process = stack.enter_context(running(command, folder, "pproxy", stop_timeout=STOP_TIMEOUT))
            process.wait_until(lambda: is_listening(port))
            return url

        yield on_free_ports(1, start)


def config(build: Build, port: int, *, inspects: bool = False, login: bool = False) -> str:
    """Return the squid.conf for this build; it includes the files in conf.d."""
    text = re.sub(
        r"(?m)^(.+?) +# (since|before) (\d+)\n", lambda line: _rule(line, build), (HERE / "squid.conf").read_text()
    )
    if inspects:
        text = text.replace("http_port 127.0.0.1:PORT\n", (HERE / "inspects.conf").read_text())
    if login:
        # These rules are about loopback, where in the lab the users and the site both are.
        text = re.sub(r"(?m)^http_access (allow localhost|deny to_localhost)\n", "", text)
        text = text.replace("http_access deny all\n", (HERE / "login.conf").read_text())
    # Without -s, the certificate helper writes nothing to disk.
    helpers = build.path.parents[1] / "lib" / "squid"
    if build.root != Path("/"):
        share = build.root / "usr" / "share" / "squid"
        text += (HERE / "elsewhere.conf").read_text().replace("SHARE", str(share))
    return text.replace("PORT", str(port)).replace("HELPERS", str(helpers))


def _rule(line: re.Match[str], build: Build) -> str:
    """Return a line of squid.conf if this version has it, otherwise nothing."""
    newer = build.release >= numbers(line[3])
    return f"{line[1]}\n" if newer == (line[2] == "since") else ""


def _inspector(site: StandIn | Proxy, folder: Path) -> ssl.SSLContext:
    """Write the authority for TLS inspection, and return trust in it alone."""
    if not isinstance(site, Proxy):
        raise LabError("the stand-in itself serves only HTTP; to inspect TLS, run a proxy with HTTPS in front of it")
    shutil.copy(site.authority, folder)
    authority = trustme.CA(organization_name="TLS inspection of the company")
    (folder / "inspector.pem").write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(tls)
    return tls


def _is_ready(port: int, name: str) -> bool:
    """Return whether a request is answered by this Squid, and not by another program."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        connection.request("GET", "/")
        return name in connection.getresponse().headers.get("Via", "")
    return False


def _remove_shared_memory(name: str) -> None:
    """Remove the shared memory of a Squid that was killed before it could do that."""
    for path in Path("/dev/shm").glob(f"{name}-*"):  # noqa: S108  # Squid chose this folder
        path.unlink()
