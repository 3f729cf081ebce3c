"""A scripted server on loopback.

It does everything right, except for the step that a test replaces.
"""

import contextlib
import re
import select
import socket
import ssl
import struct
import threading
import zlib
from urllib.parse import urlsplit

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

PATH = "/dip/websocket"
"""The path of the WebSocket."""

MAX_HEAD = 1 << 20
"""Bytes of a request head that are read."""


@contextlib.contextmanager
def scripted_server(script, tls=None, *, head=True):
    """Run `script(sock, head)` for each connection, and yield the port.

    `head` is the head of the request. With `head=False` it is empty, and the script reads from the first byte on.
    With `tls` the script starts after the TLS handshake. An exception in a script, except for a connection that ends,
    is raised at the end of the block.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=100)))
        server = _Server(script, tls, listener, head=head)
        stack.callback(server.stop)
        yield listener.getsockname()[1]
        stack.pop_all()
        server.stop()
    if server.errors:
        raise server.errors[0]


class _Server:
    """The threads of one server: one that accepts, and one for each connection."""

    def __init__(self, script, tls, listener, *, head):
        self.script, self.tls, self.listener, self.head = script, tls, listener, head
        self.socks, self.threads, self.errors, self.lock = [], [], [], threading.Lock()
        self.stopped = False
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def stop(self):
        """Shut all connections down, and wait for the threads.

        Each script gets an error at its next byte.
        """
        self.stopped = True
        _shut_down(self.listener)  # wakes accept() up
        self.accepting.join(5)
        self.listener.close()
        with self.lock:
            for sock in self.socks:
                _shut_down(sock)
        for thread in self.threads:
            thread.join(5)

    def _accept(self):
        with contextlib.suppress(OSError):
            while not self.stopped:
                sock, _ = self.listener.accept()
                self.socks.append(sock)
                self.threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
                self.threads[-1].start()

    def _serve(self, plain):
        sock = plain
        try:
            plain.settimeout(30)
            if self.tls:
                sock = self.tls.wrap_socket(plain, server_side=True)
                with self.lock:
                    self.socks[self.socks.index(plain)] = sock
            head = read_head(sock) if self.head else b""
            if head or not self.head:
                self.script(sock, head)
        except OSError:
            pass  # the client left, or the block has ended
        except Exception as error:  # noqa: BLE001  # raised again in the thread of the test
            self.errors.append(error)
        finally:
            with self.lock:
                sock.close()


def _shut_down(sock):
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def read_head(sock):
    """Return the bytes up to the empty line.

    Empty when the client leaves before it, or starts TLS.
    """
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(65536)
        head += data
        if not data or head[:1] == b"\x16" or len(head) > MAX_HEAD:
            return b""
    return head


def until_closed(sock, seconds=None):
    """Discard what arrives for so many seconds; return whether the client left."""
    sock.settimeout(seconds or 30)
    with contextlib.suppress(TimeoutError):
        while sock.recv(65536):
            pass
        return True
    return False


def read_nothing(sock, _=b""):
    """Read nothing, and stay until the client leaves."""
    leaving = select.poll()
    leaving.register(sock.fileno(), select.POLLRDHUP)
    leaving.poll(30_000)


def endlessly(block):
    """Return a step that sends a block again and again, and reads nothing."""

    def step(sock, _):
        while True:
            sock.sendall(block)

    return step


def slowly(data, seconds=1.0):
    """Return a step that sends one byte at a time."""

    def step(sock, _):
        for place in range(len(data)):
            sock.sendall(data[place : place + 1])
            if until_closed(sock, seconds):
                return

    return step


def silent(sock, _):
    """Send nothing, and stay."""
    until_closed(sock)


def close(_sock, _head):
    """Send nothing, and close."""


def reset(sock, _):
    """Send nothing, and reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def then(*steps):
    """Return a step that runs several, one after the other."""

    def step(sock, head):
        for each in steps:
            run(each, sock, head)

    return step


def always(step):
    """Return the script of a server that responds to everything with the same step."""
    return lambda sock, head: run(step, sock, head)


def run(step, sock, head):
    """Run a step: send it if it is bytes, call it if it is a function."""
    if callable(step):
        step(sock, head)
    else:
        sock.sendall(step)


def response(status="200 OK", body=b"", *fields):
    """Return an HTTP response as bytes."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


PAGE = response("200 OK", b"<html>the page of DSS", "Content-Type: text/html")
PONG = response("200 OK", b"pong", "Content-Type: text/plain")
PLAIN = response("426 Upgrade Required", b"Failed to open a WebSocket connection")
"""The response to a plain GET for the URL of the WebSocket."""


def fake_dss(*, page=PAGE, ping=PONG, plain=PLAIN, handshake=None, frames=None, elsewhere=None):
    """Return the script of a DSS with one or more steps replaced.

    `handshake` responds to a handshake, and nothing follows it. `frames` runs on an open WebSocket. `elsewhere`
    responds at all URLs that DSS does not have.
    """
    pages = {"/": page, "/dip/api/ping": ping, PATH: plain}

    def script(sock, head):
        path = urlsplit(head.split(b" ", 2)[1].decode("latin-1")).path
        if path == PATH and re.search(rb"(?im)^upgrade: *websocket", head):
            run(handshake or accept(frames), sock, head)
        else:
            run(pages.get(path) or elsewhere or response("404 Not Found"), sock, head)

    return script


def accept(frames=None, *, change=lambda _: None):
    """Return the correct response to a handshake, followed by `frames`.

    `change` edits its headers.
    """

    def step(sock, head):
        protocol = ServerProtocol(subprotocols=["dummy"], extensions=[ServerPerMessageDeflateFactory()])
        protocol.receive_data(head)
        accepted = protocol.accept(protocol.events_received()[0])
        change(accepted.headers)
        protocol.send_response(accepted)
        _flush(sock, protocol)
        run(frames or _answer_pings(protocol), sock, head)

    return step


def accept_uncompressed(frames):
    """Return the same without compression."""
    return accept(frames, change=lambda headers: headers.pop("Sec-WebSocket-Extensions", None))


def _answer_pings(protocol):
    """Return a step that responds to pings and close frames, and ignores messages."""

    def step(sock, _):
        while not protocol.close_expected():
            data = sock.recv(65536)
            protocol.receive_data(data) if data else protocol.receive_eof()
            protocol.events_received()
            _flush(sock, protocol)
            if not data:
                return

    return step


def _flush(sock, protocol):
    for data in protocol.data_to_send():
        if data:
            sock.sendall(data)


TEXT, BINARY, CLOSE, PING, PONG_FRAME = 1, 2, 8, 9, 10
"""Opcodes (RFC 6455, section 5.2)."""


def frame(opcode, payload=b"", *, flags=0x80, announced=None, mask=b""):
    """Return a frame (RFC 6455, section 5.2).

    `announced` replaces the true length in its head.
    """
    length = len(payload) if announced is None else announced
    mask_bit = 0x80 if mask else 0
    if length < 126:
        size = bytes([mask_bit | length])
    elif length < 1 << 16:
        size = bytes([mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        size = bytes([mask_bit | 127]) + length.to_bytes(8, "big")
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if mask else payload
    return bytes([flags | opcode]) + size + mask + masked


def bomb():
    """Return a compressed message of 65 KB that decompresses to 64 MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)  # so that the next block can be the same
    return frame(BINARY, (block * 64)[:-4], flags=0xC0)


def read_frame(sock, limit=1 << 25):
    """Return opcode and payload of the next frame from a client.

    Above `limit`, the payload is None and not read.
    """
    first, second = read_exactly(sock, 2)
    length = second & 0x7F
    if length > 125:
        length = int.from_bytes(read_exactly(sock, 2 if length == 126 else 8), "big")
    mask = read_exactly(sock, 4)
    if length > limit:
        return first & 0x0F, None
    payload = read_exactly(sock, length)
    repeated = (mask * (length // 4 + 1))[:length]
    return first & 0x0F, (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")


def read_exactly(sock, count):
    """Return so many bytes; raise ConnectionResetError if fewer arrive."""
    data = bytearray()
    while len(data) < count:
        if not (more := sock.recv(min(count - len(data), 1 << 20))):
            raise ConnectionResetError
        data += more
    return bytes(data)


def forward_proxy(connect, page=PAGE):
    """Return the script of a forward proxy: a step for CONNECT, one for pages."""

    def script(sock, head):
        run(connect if head.startswith(b"CONNECT") else page, sock, head)

    return script


def server_tls(certificate, *alpn):
    """Return the TLS settings of a server; `alpn` are the protocols it offers."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    if alpn:
        tls.set_alpn_protocols(list(alpn))
    return tls
