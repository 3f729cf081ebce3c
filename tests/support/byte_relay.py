"""A hop that relays bytes, and disturbs connections that became a WebSocket."""

import asyncio
import contextlib
import threading

READ = 1 << 16


class Relayed:
    """One connection through the relay."""

    def __init__(self, most, rate, *, mute):
        self.most, self.rate, self.mute = most, rate, mute
        self.upgrade, self.responded, self.sent = False, False, 0

    async def may_send(self, data):
        self.upgrade |= b"Upgrade: websocket" in data
        self.sent += len(data)
        if self.rate and self.upgrade:
            await asyncio.sleep(len(data) / self.rate)
        return not (self.most and self.upgrade and self.sent > self.most)

    async def may_return(self, _):
        lost = self.mute and self.upgrade and self.responded
        self.responded = True
        return None if lost else True


async def copied(reader, writer, allowed):
    """Copy bytes; `allowed` returns None to lose some, and False to end."""
    while data := await reader.read(READ):
        verdict = await allowed(data)
        if verdict is False:
            return
        if verdict:
            writer.write(data)
            await writer.drain()


@contextlib.contextmanager
def relaying(port, *, most=None, rate=None, mute=False):
    """Relay to a port of loopback; yield the port of the relay.

    `most` closes a WebSocket when the browser has sent more bytes. `rate` forwards so many of its bytes per second.
    `mute` passes on the handshake, and nothing after it that the server sends.
    """
    ready, loop, ports = threading.Event(), asyncio.new_event_loop(), []

    async def handle(reader, writer):
        relayed = Relayed(most, rate, mute=mute)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        ways = [(reader, to_server, relayed.may_send), (from_server, writer, relayed.may_return)]
        tasks = [asyncio.ensure_future(copied(*way)) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, to_server):
            each.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    def run():
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    task = loop.create_task(main())
    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
