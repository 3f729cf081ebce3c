"""Serve WebSocket at the lowest cost: run it as a script, which prints its port.

It responds to each handshake, and then sends all bytes back without parsing them. To a proxy, the connection is a
tunnel, and the benchmark measures the tunnel.
"""

from __future__ import annotations

import base64
import hashlib
import re
import selectors
import socket
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
PONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npong\n"


def respond(head: bytes) -> bytes:
    """Return the response to a request: 101 for a handshake, 200 for anything else."""
    key = re.search(rb"(?i)\r\nsec-websocket-key: *([^\r]+)", head)
    if not key:
        return PONG
    accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())  # noqa: S324  # RFC 6455, section 4.2.2
    fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
    return b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n\r\n"


def main() -> None:
    """Print the port, and serve until ended."""
    heads: dict[int, bytes] = {}  # of connections without a complete handshake
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening, selectors.DefaultSelector() as select:
        select.register(listening, selectors.EVENT_READ)
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            for key, _ in select.select():
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is listening:
                    peer, _ = listening.accept()
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    select.register(peer, selectors.EVENT_READ)
                    heads[peer.fileno()] = b""
                else:
                    serve(key.fileobj, heads, select)


def serve(peer: socket.socket, heads: dict[int, bytes], select: selectors.BaseSelector) -> None:
    """Read once from a connection, and send the response or the same bytes."""
    number = peer.fileno()
    try:
        data = peer.recv(65536)
        if number in heads:
            heads[number] += data
            if b"\r\n\r\n" in heads[number]:
                response, heads[number] = respond(heads[number]), b""
                peer.sendall(response)
                if response is not PONG:
                    del heads[number]
        else:
            peer.sendall(data)
    except OSError:
        data = b""
    if not data:
        select.unregister(peer)
        heads.pop(number, None)
        peer.close()


if __name__ == "__main__":
    main()
