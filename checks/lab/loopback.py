"""Run a command in a network namespace that has only a loopback interface.

    python -m checks.lab.loopback COMMAND

In the namespace, every port is free, an ordinary user can listen on port 443, as a site does in production, and a test
cannot reach other machines. If the machine does not allow namespaces, as in many containers, the command runs as usual,
and tests that need port 443 report why they did not run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence

UNSHARE = ("unshare", "--net")
UNSHARE_AS_USER = ("unshare", "--user", "--map-current-user", "--net", "--keep-caps")
INSIDE = "--inside"

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
"""The request that sets the flags of a network interface, and the flag for an active one (netdevice(7))."""


def main(arguments: Sequence[str]) -> None:
    """Replace this process with the command."""
    if arguments[:1] == [INSIDE]:
        arguments = arguments[1:]
        _bring_up_loopback()
    else:
        arguments = [*prefix(), *arguments]
    os.execvp(arguments[0], list(arguments))  # noqa: S606  # the command itself, not a shell


def prefix() -> list[str]:
    """Return what runs a command in a namespace; empty if the machine allows none."""
    unshare = UNSHARE_AS_USER if os.geteuid() else UNSHARE
    command = [*unshare, sys.executable, "-m", "checks.lab.loopback", INSIDE]
    return command if _allowed([*command, "true"]) else []


def _allowed(command: Sequence[str]) -> bool:
    """Run a command, and return whether it succeeds."""
    if not shutil.which(command[0]):
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _bring_up_loopback() -> None:
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


if __name__ == "__main__":
    main(sys.argv[1:])
