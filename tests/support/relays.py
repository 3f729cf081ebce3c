"""Hops that disturb an open WebSocket, played by a scripted server."""

import asyncio


async def frames_from(reader):
    """Yield each frame of a client: its head, its masked payload, and the length."""
    while not reader.at_eof():
        head = await reader.readexactly(2)
        length = head[1] & 0x7F
        if length > 125:
            more = await reader.readexactly(2 if length == 126 else 8)
            head, length = head + more, int.from_bytes(more, "big")
        head += await reader.readexactly(4)
        yield head, await reader.readexactly(length), length


async def flush(connection):
    for data in connection.protocol.data_to_send():
        connection.writer.write(data)
    await connection.writer.drain()


async def drained(connection):
    """Read and forward nothing, until the client closes."""
    while await connection.reader.read(65536):
        pass


def forgets_after(seconds):
    """Return a talk that forgets a connection after so many silent seconds."""

    async def talk(connection):
        await flush(connection)
        while True:
            try:
                data = await asyncio.wait_for(connection.reader.read(65536), seconds)
            except TimeoutError:
                await drained(connection)
                return
            if not data:
                return
            connection.protocol.receive_data(data)
            await flush(connection)

    return talk


def loses_frames_above(limit, *, all_after):
    """Return a talk that loses each frame above so many bytes.

    With `all_after`, it loses everything behind such a frame, too.
    """

    async def talk(connection):
        await flush(connection)
        async for head, payload, length in frames_from(connection.reader):
            if length > limit:
                if all_after:
                    await drained(connection)
                    return
                continue
            connection.protocol.receive_data(head + payload)
            await flush(connection)

    return talk


def slow_with_large_frames(seconds_per_kib):
    """Return a talk that needs time for each KiB, like a server that is busy with it."""

    async def talk(connection):
        await flush(connection)
        async for head, payload, length in frames_from(connection.reader):
            await asyncio.sleep(length / 1024 * seconds_per_kib)
            connection.protocol.receive_data(head + payload)
            await flush(connection)

    return talk


def drops_at_frames_above(limit):
    """Return a talk that drops the connection at a frame above so many bytes."""

    async def talk(connection):
        await flush(connection)
        async for head, payload, length in frames_from(connection.reader):
            if length > limit:
                connection.writer.transport.abort()
                return
            connection.protocol.receive_data(head + payload)
            await flush(connection)

    return talk


async def one_message_late(connection):
    """Deliver each message of the server only when its next one comes."""
    await flush(connection)
    held = b""
    while data := await connection.reader.read(65536):
        connection.protocol.receive_data(data)
        for message in connection.protocol.data_to_send():
            connection.writer.write(held)
            held = message


def closes_texts_with(code):
    """Return a talk that closes the WebSocket when a text is complete."""

    async def talk(connection):
        await flush(connection)
        async for head, payload, _ in frames_from(connection.reader):
            connection.protocol.receive_data(head + payload)
            ends = head[0] & 0x8F in {0x81, 0x80}
            if ends:
                connection.protocol.send_close(code)
            await flush(connection)
            if ends:
                return

    return talk


def rejects_parts_with(code):
    """Return a talk that rejects messages in several frames; with code 0, it drops."""

    async def talk(connection):
        await flush(connection)
        async for head, payload, _ in frames_from(connection.reader):
            if head[0] & 0x8F in {1, 0}:
                if code:
                    connection.protocol.send_close(code)
                    await flush(connection)
                connection.writer.transport.abort() if not code else connection.writer.close()
                return
            connection.protocol.receive_data(head + payload)
            await flush(connection)

    return talk


def refuses_compression(*, says_why):
    """Return a talk of a server that never agreed on compression.

    A hop put the extension into its response.
    """

    async def talk(connection):
        connection.protocol.extensions = []
        await flush(connection)
        async for head, payload, _ in frames_from(connection.reader):
            if head[0] & 0x40 and not says_why:  # Tornado
                connection.writer.transport.abort()
                return
            connection.protocol.receive_data(head + payload)
            await flush(connection)

    return talk
