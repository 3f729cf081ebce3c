"""A scripted server that also speaks HTTP/2."""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.settings import SettingCodes

from support.server import fake_dss, run, until_closed

PREFACE = b"PRI"
"""The beginning of the first bytes that a client sends over HTTP/2 (RFC 9113, section 3.4)."""


def frame(kind, payload=b"", flags=0, stream=0):
    """Return a frame (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


SETTINGS = frame(4, b"\x00\x08\x00\x00\x00\x01")
"""Settings that offer extended CONNECT (RFC 8441, section 3)."""


def fake_dss_over_http2(respond):
    """Return the script of a DSS that speaks HTTP/2.

    `respond(sock, connection)` responds to extended CONNECT.
    """
    settings = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}

    def script(sock, head):
        if not head.startswith(PREFACE):
            return fake_dss()(sock, head)
        connection = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        connection.local_settings.update(settings)
        connection.initiate_connection()
        connection.update_settings(settings)
        events = connection.receive_data(head)
        while not any(isinstance(event, RequestReceived) for event in events):
            sock.sendall(connection.data_to_send())
            events = connection.receive_data(sock.recv(65536))
        respond(sock, connection)
        return until_closed(sock)

    return script


def headers(*pairs):
    """Return a function that responds to extended CONNECT with these headers."""

    def respond(sock, connection):
        connection.send_headers(1, pairs)
        sock.sendall(connection.data_to_send())

    return respond


def instead_of_http2(step):
    """Return the script of a DSS that negotiates HTTP/2, and then runs this step."""
    return lambda sock, head: run(step if head.startswith(PREFACE) else fake_dss(), sock, head)
