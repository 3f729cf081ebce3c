"""Serve what hostile targets send; run it as a script, which prints its ports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable

KINDS = {
    "silence": (b"", 0.0),
    "one byte a second": (b"H", 1.0),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000, 0.01),
    "endless body": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65536, 0.01),
    "garbage": (bytes(range(255, 0, -1)), 0.01),
}
"""What each kind sends again and again, and the seconds between; nothing for silence."""


async def main() -> None:
    """Print the ports by kind, and serve until ended."""
    servers = {kind: await asyncio.start_server(_script(*KINDS[kind]), "127.0.0.1", 0, backlog=1024) for kind in KINDS}
    sys.stdout.write(json.dumps({kind: server.sockets[0].getsockname()[1] for kind, server in servers.items()}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().create_future()


def _script(block: bytes, pause: float) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if not block:
                while await reader.read(65536):
                    pass
            while block:
                writer.write(block)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.close()

    return serve


if __name__ == "__main__":
    asyncio.run(main())
