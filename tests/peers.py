"""Scripted peers on loopback: one that does everything right, and ways to have it do one thing wrong."""

import contextlib
import re
import select
import socket
import ssl
import struct
import threading
from urllib.parse import urlsplit

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

SOCKET = "/dip/websocket"
HEAD_LIMIT = 1 << 20
"""Bytes of a request head that are read."""


@contextlib.contextmanager
def peer(script, tls=None, *, head=True):
    """Run `script(sock, head)` for each connection to a port of loopback, which is given, for the length of the block.

    `head` is the head of the request; without `head` the script reads for itself, from the first byte on. With `tls`
    the script finds TLS agreed on. What a script raises, but for a connection that ends, is raised at the block's end.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=100)))
        serving = _Serving(script, tls, listener, head=head)
        stack.callback(serving.end)
        yield listener.getsockname()[1]
        stack.pop_all()
        serving.end()
    if serving.failures:
        raise serving.failures[0]


class _Serving:
    """The threads of one peer: one that accepts, and one for each connection."""

    def __init__(self, script, tls, listener, *, head):
        self.script, self.tls, self.listener, self.head = script, tls, listener, head
        self.socks, self.threads, self.failures, self.lock = [], [], [], threading.Lock()
        self.ended = False
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def end(self):
        """Close everything, so that each script meets an error at its next byte, and wait for the threads."""
        self.ended = True
        _shut(self.listener)  # wakes accept() up
        self.accepting.join(5)
        self.listener.close()
        with self.lock:
            for sock in self.socks:
                _shut(sock)
        for thread in self.threads:
            thread.join(5)

    def _accept(self):
        with contextlib.suppress(OSError):
            while not self.ended:
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
            pass  # the other end left, or the block has ended
        except Exception as error:  # noqa: BLE001  # it belongs to the test, not to this thread
            self.failures.append(error)
        finally:
            with self.lock:
                sock.close()


def _shut(sock):
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def read_head(sock):
    """Return the bytes up to the empty line; nothing when the other end leaves before it, or sends no text."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(65536)
        head += data
        if not data or head[:1] == b"\x16" or len(head) > HEAD_LIMIT:  # the beginning of TLS, where none is spoken
            return b""
    return head


def until_gone(sock, seconds=None):
    """Take and forget what comes until the other end leaves, or for so many seconds; tell whether it left."""
    sock.settimeout(seconds or 30)
    with contextlib.suppress(TimeoutError):
        while sock.recv(65536):
            pass
        return True
    return False


def unread(sock, _=b""):
    """Read nothing, and stay until the other end leaves."""
    waiting = select.poll()
    waiting.register(sock.fileno(), select.POLLRDHUP)
    waiting.poll(30_000)


def endlessly(block):
    """Return an answer that sends a block again and again, and reads nothing, until the other end leaves."""

    def answer(sock, _):
        while True:
            sock.sendall(block)

    return answer


def slowly(data, seconds=1.0):
    """Return an answer that sends one byte at a time."""

    def answer(sock, _):
        for place in range(len(data)):
            sock.sendall(data[place : place + 1])
            if until_gone(sock, seconds):
                return

    return answer


def silent(sock, _):
    """Answer nothing, and stay."""
    until_gone(sock)


def closing(_sock, _head):
    """Answer nothing, and close."""


def resetting(sock, _):
    """Answer nothing, and reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def then(*answers):
    """Return an answer that gives several, one after the other."""

    def answer(sock, head):
        for each in answers:
            give(each, sock, head)

    return answer


def give(answer, sock, head):
    """Send an answer that is bytes; let one that is a function do it."""
    if callable(answer):
        answer(sock, head)
    else:
        sock.sendall(answer)


def response(status="200 OK", body=b"", *fields):
    """Return an HTTP answer as bytes."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


PAGE = response("200 OK", b"<html>the page of DSS", "Content-Type: text/html")
PONG = response("200 OK", b"pong", "Content-Type: text/plain")
PLAIN = response("426 Upgrade Required", b"Failed to open a WebSocket connection")
"""The answer to a plain request for the address of a socket."""


def good(*, page=PAGE, ping=PONG, plain=PLAIN, handshake=None, frames=None, elsewhere=None):
    """Return the script of a DSS, of which one answer or more is replaced; each is bytes or a function of (sock, head).

    `handshake` answers what asks for a socket and ends there, `frames` speaks on a socket that is open.
    `elsewhere` answers what is at no address of DSS.
    """
    answers = {"/": page, "/dip/api/ping": ping, SOCKET: plain}

    def script(sock, head):
        path = urlsplit(head.split(b" ", 2)[1].decode("latin-1")).path
        if path == SOCKET and re.search(rb"(?im)^upgrade: *websocket", head):
            give(handshake or opened(frames), sock, head)
        else:
            give(answers.get(path) or elsewhere or response("404 Not Found"), sock, head)

    return script


def opened(frames=None, *, doctor=lambda _: None):
    """Return the right answer to a handshake, with `frames` after it; `doctor` changes its headers."""

    def answer(sock, head):
        protocol = ServerProtocol(subprotocols=["dummy"], extensions=[ServerPerMessageDeflateFactory()])
        protocol.receive_data(head)
        accepted = protocol.accept(protocol.events_received()[0])
        doctor(accepted.headers)
        protocol.send_response(accepted)
        _send(sock, protocol)
        give(frames or _talk(protocol), sock, head)

    return answer


def _talk(protocol):
    """Return what answers pings and close frames, and keeps silent about messages."""

    def answer(sock, _):
        while not protocol.close_expected():
            data = sock.recv(65536)
            protocol.receive_data(data) if data else protocol.receive_eof()
            protocol.events_received()
            _send(sock, protocol)
            if not data:
                return

    return answer


def _send(sock, protocol):
    for data in protocol.data_to_send():
        if data:
            sock.sendall(data)


def frame(opcode, payload=b"", *, flags=0x80, announced=None, mask=b""):
    """Return a WebSocket frame (RFC 6455, section 5.2), as wrong as wanted: `announced` is the length that it tells."""
    length = len(payload) if announced is None else announced
    marked = 0x80 if mask else 0
    if length < 126:
        size = bytes([marked | length])
    elif length < 1 << 16:
        size = bytes([marked | 126]) + length.to_bytes(2, "big")
    else:
        size = bytes([marked | 127]) + length.to_bytes(8, "big")
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if mask else payload
    return bytes([flags | opcode]) + size + mask + masked


def read_frame(sock, limit=1 << 25):
    """Return opcode and payload of the next frame from a client; the payload is None, and not read, beyond `limit`."""
    first, second = exactly(sock, 2)
    length = second & 0x7F
    if length > 125:
        length = int.from_bytes(exactly(sock, 2 if length == 126 else 8), "big")
    mask = exactly(sock, 4)
    if length > limit:
        return first & 0x0F, None
    payload = exactly(sock, length)
    stretched = (mask * (length // 4 + 1))[:length]
    return first & 0x0F, (int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")).to_bytes(length, "big")


def exactly(sock, count):
    """Return so many bytes; raise ConnectionError when they do not come."""
    data = bytearray()
    while len(data) < count:
        if not (more := sock.recv(min(count - len(data), 1 << 20))):
            raise ConnectionResetError
        data += more
    return bytes(data)


def forward(connect, page=PAGE):
    """Return the script of a forward proxy that answers CONNECT so, and each request for a page so."""

    def script(sock, head):
        give(connect if head.startswith(b"CONNECT") else page, sock, head)

    return script


def served(certificate, *alpn):
    """Return the TLS of a server, with a certificate that trustme issued, which speaks these protocols."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    if alpn:
        tls.set_alpn_protocols(list(alpn))
    return tls
