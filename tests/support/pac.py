"""Forward proxies of every kind that a PAC file can return, in one process.

Each connects to one site, whatever host it is asked for, and records that it was used.
"""

import asyncio
import contextlib
import socket
import struct
import threading

REFUSALS = {
    "forbids": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "fails": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"\x00\x01\x02\x03\r\n\r\n",
}
"""What a proxy that refuses sends, by its name."""


class Proxies:
    """Listening proxies by name, and the names of those that were used, in order."""

    def __init__(self, site_port, tls):
        self.site_port, self.tls, self.used = site_port, tls, []

    async def start(self, name):
        """Start the proxy with this name; return its port."""

        async def serve(reader, writer):
            with contextlib.suppress(OSError, EOFError):
                await self._serve(name, reader, writer)
            writer.close()

        tls = self.tls if name.startswith("https") else None
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        return server.sockets[0].getsockname()[1]

    async def _serve(self, name, reader, writer):
        if name == "closes":
            await reader.read(1)
            # Reset the connection: without this, Chromium sees either a reset or an orderly end.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        first = await reader.readexactly(1)
        if name == "socks4":
            await self._socks4(reader, writer)
        elif name.startswith("socks5"):
            await self._socks5(name, reader, writer)
            if name == "socks5 refuses":
                return
        else:
            await reader.readuntil(b"\r\n\r\n")
            if name in REFUSALS:
                self.used.append(name)
                writer.write(REFUSALS[name])
                return
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        assert first
        self.used.append(name)
        await self._join(reader, writer)

    async def _socks4(self, reader, writer):
        version = await reader.readexactly(7)
        assert len(version) == 7
        await reader.readuntil(b"\0")
        writer.write(b"\0\x5a" + bytes(6))

    async def _socks5(self, name, reader, writer):
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\5\0")
        kind = (await reader.readexactly(4))[3]
        await reader.readexactly({1: 6, 4: 18}.get(kind) or (await reader.readexactly(1))[0] + 2)
        writer.write((b"\5\1" if name == "socks5 refuses" else b"\5\0") + b"\0\1" + bytes(6))

    async def _join(self, reader, writer):
        """Send bytes both ways until one side closes."""
        site_reader, site_writer = await asyncio.open_connection("127.0.0.1", self.site_port)

        async def copy(source, destination):
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    destination.write(data)
            destination.close()

        await asyncio.gather(copy(reader, site_writer), copy(site_reader, writer))


@contextlib.contextmanager
def running_proxies(site_port, tls, names):
    """Run the proxies; yield them, and the port of each by name."""
    loop, proxies = asyncio.new_event_loop(), Proxies(site_port, tls)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        ports = {name: asyncio.run_coroutine_threadsafe(proxies.start(name), loop).result(10) for name in names}
        yield proxies, ports
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
