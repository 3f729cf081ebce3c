"""The thing that plays DSS: its own nginx on the base port, a small backend, a real Jupyter server.

Only the layout and the sockets are those of DSS; nothing here is DSS, and nothing that ran here ran on DSS.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .process import answers, on_free_ports, running, workspace
from .zoo import wheel_nginx

HERE = Path(__file__).parent


@dataclass(frozen=True)
class StandIn:
    """A running stand-in: where it listens on loopback, and the token that logs in to its Jupyter."""

    port: int
    token: str
    folder: Path

    def log(self) -> str:
        """Return what its own nginx has complained about."""
        return (self.folder / "front.log").read_text(errors="replace")


@contextlib.contextmanager
def stand_in(*, bare: bool = False, server: Mapping[str, str] | None = None) -> Iterator[StandIn]:
    """Run a stand-in for the length of the block.

    `bare` leaves out its nginx and its Jupyter, so that what is in front of it talks to the backend itself.
    `server` is the section [server] of an install.ini, whose keys for HTTPS are obeyed as DSS documents them.

    Raises LabError with the output of the part that did not start.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(workspace())
        token = secrets.token_hex(16)
        backend = stack.enter_context(running([sys.executable, HERE / "backend.py"], folder, "backend"))
        backend.wait_until(lambda: backend.said().endswith("\n"))
        sockets, whole = json.loads(backend.said())
        if bare:
            yield StandIn(sockets, token, folder)
            return
        upstream = {"BACKEND": sockets, "WHOLE": whole, "JUPYTER": _jupyter(stack, folder, token)}
        port = on_free_ports(1, lambda port: _front(stack, folder, server or {}, upstream | {"LISTEN": port}))
        yield StandIn(port, token, folder)


def _front(
    stack: contextlib.ExitStack,
    folder: Path,
    server: Mapping[str, str],
    ports: dict[str, int],
) -> int:
    text = (HERE / "front.conf").read_text()
    if server.get("ssl") == "true":
        keys = "".join(f"{key} {server[key]};" for key in ("ssl_certificate", "ssl_certificate_key"))
        text = text.replace("listen LISTEN;", f"listen LISTEN ssl; {keys}")
    for name, port in ports.items():
        text = text.replace(name, f"127.0.0.1:{port}")
    (folder / "front.conf").write_text(text)
    front = stack.enter_context(running([wheel_nginx(), "-p", folder, "-c", "front.conf"], folder, "front"))
    front.wait_until(lambda: answers(ports["LISTEN"]))
    return ports["LISTEN"]


def _jupyter(stack: contextlib.ExitStack, folder: Path, token: str) -> int:
    """Start Jupyter as DSS does: below /jupyter/, open to any public name, its Origin check as it comes."""
    settings = {
        "ServerApp.base_url": "/jupyter/",
        "ServerApp.port": 0,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.allow_remote_access": True,
        "ServerApp.root_dir": folder,
        "ServerApp.jpserver_extensions": "{}",
        # Kernels listen on files: a port that Jupyter picked for one could be somebody else's before it was bound.
        "KernelManager.transport": "ipc",
        "IdentityProvider.token": token,
    }
    home = {name: str(folder / "jupyter") for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    home["JUPYTER_RUNTIME_DIR"] = "jupyter"  # seen from `folder`: the name of such a file may have 107 bytes
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        *(f"--{key}={value}" for key, value in settings.items()),
    ]
    process = stack.enter_context(running(command, folder, "jupyter", {**home, "JUPYTER_PLATFORM_DIRS": "1"}))
    process.wait_until(lambda: list((folder / "jupyter").glob("jpserver-*.json")), seconds=60)
    (record,) = (folder / "jupyter").glob("jpserver-*.json")
    process.wait_until(lambda: record.read_text().endswith("}"))
    port: int = json.loads(record.read_text())["port"]
    process.wait_until(lambda: answers(port))
    return port
