"""Run a stand-in for DSS.

It consists of nginx on the base port, a small backend, and a real Jupyter server. Only its layout and its WebSocket
paths are those of DSS. It is not DSS, and what ran on it did not run on DSS.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .builds import wheel_nginx
from .process import is_listening, on_free_ports, running, workspace

HERE = Path(__file__).parent


HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: SGVsbG8sIHdlYnNvY2tldA==",
)
"""The headers that a handshake must have besides Host (RFC 6455, section 4.1)."""


def handshake(path: str, host: str, *headers: str) -> bytes:
    """Return the bytes of a handshake.

    `headers` are more lines, such as `Origin: https://dss.example.com`.
    """
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *HANDSHAKE, *headers, "", ""]).encode()


JUPYTER = "import sys; sys.modules['rfc3987_syntax'] = None; from jupyter_server.serverapp import main; main()"
"""Starts Jupyter without an optional module, whose import takes three times as long as all the rest."""


@dataclass(frozen=True)
class StandIn:
    """A running stand-in: its port on loopback, and the token for its Jupyter."""

    port: int
    token: str
    folder: Path
    jupyter: int = 0
    """The port of Jupyter itself, or 0 without one."""

    def log(self) -> str:
        """Return the warnings and errors of its nginx."""
        return (self.folder / "front.log").read_text(errors="replace")


@contextlib.contextmanager
def stand_in(*, bare: bool = False, server: Mapping[str, str] | None = None) -> Iterator[StandIn]:
    """Run a stand-in for the length of the block.

    `bare` leaves out nginx and Jupyter, so that a proxy in front of the stand-in connects to the backend itself.
    `server` is the section [server] of an install.ini: its keys for HTTPS work as DSS documents them.

    Raises LabError with the output of the part that did not start.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        token = secrets.token_hex(16)
        backend = stack.enter_context(running([sys.executable, HERE / "backend.py"], folder, "backend"))
        websocket, plain = json.loads(backend.wait_for(r"(.+)\n")[1])
        if bare:
            yield StandIn(websocket, token, folder)
            return
        jupyter = _jupyter(stack, folder, token)
        upstream = {"BACKEND": websocket, "PLAIN": plain, "JUPYTER": jupyter}
        port = on_free_ports(1, lambda port: _front(stack, folder, server or {}, upstream | {"LISTEN": port}))
        yield StandIn(port, token, folder, jupyter)


def _front(
    stack: contextlib.ExitStack,
    folder: Path,
    server: Mapping[str, str],
    ports: dict[str, int],
) -> int:
    """Start nginx with these ports in front.conf; return the port that it listens on."""
    text = (HERE / "front.conf").read_text()
    if server.get("ssl") == "true":
        keys = "".join(f"{key} {server[key]};" for key in ("ssl_certificate", "ssl_certificate_key"))
        text = text.replace("listen LISTEN;", f"listen LISTEN ssl; {keys}")
    for name, port in ports.items():
        text = text.replace(name, f"127.0.0.1:{port}")
    (folder / "front.conf").write_text(text)
    front = stack.enter_context(running([wheel_nginx(), "-p", folder, "-c", "front.conf"], folder, "front"))
    front.wait_until(lambda: is_listening(ports["LISTEN"]))
    return ports["LISTEN"]


def _jupyter(stack: contextlib.ExitStack, folder: Path, token: str) -> int:
    """Start Jupyter as DSS does, and return its port.

    It is below /jupyter/, accepts any host name, and has its default Origin check.
    """
    settings = {
        "ServerApp.base_url": "/jupyter/",
        "ServerApp.port": 0,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.allow_remote_access": True,
        "ServerApp.root_dir": folder,
        "ServerApp.jpserver_extensions": "{}",
        # Kernels listen on files, because another program could take a port before the kernel binds it.
        "KernelManager.transport": "ipc",
        "IdentityProvider.token": token,
    }
    home = {name: str(folder / "jupyter") for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    home["JUPYTER_RUNTIME_DIR"] = "jupyter"  # relative to `folder`: the path of a Unix socket may have 107 bytes
    command = [sys.executable, "-c", JUPYTER, *(f"--{key}={value}" for key, value in settings.items())]
    process = stack.enter_context(running(command, folder, "jupyter", {**home, "JUPYTER_PLATFORM_DIRS": "1"}))
    process.wait_until(lambda: list((folder / "jupyter").glob("jpserver-*.json")), seconds=60)
    (record,) = (folder / "jupyter").glob("jpserver-*.json")
    process.wait_until(lambda: record.read_text().endswith("}"))
    port: int = json.loads(record.read_text())["port"]
    process.wait_until(lambda: is_listening(port))
    return port
