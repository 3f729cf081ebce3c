"""Peers that repeat our secrets, which no output may contain."""

import contextlib
import json
import re
import sys
from dataclasses import replace

import pytest
from support.certificates import TLS_WITH_HTTP_2, tls_named
from support.hostile import PATIENT, Case, https, running
from support.server import CLOSE, TEXT, accept, always, close, fake_dss, frame, then
from support.server_http2 import fake_dss_over_http2, headers

from checks.cli import main
from checks.probe import NOTIFICATIONS


def repeat(sock, head):
    """Repeat the request in the reason, the headers and the body of a response."""
    line = head.replace(b"\r\n", b"  ")
    sock.sendall(b"HTTP/1.1 403 " + line[:900] + b"\r\nServer: " + line + b"\r\nVia: " + line + b"\r\n\r\n" + head)


def accept_and_repeat(sock, head):
    """Accept, and repeat the request in headers, a message and a close frame."""
    line = head.replace(b"\r\n", b"  ").decode("latin-1")

    def change(fields):
        fields["Server"] = fields["X-Got"] = line

    frames = then(frame(TEXT, head), frame(CLOSE, b"\x03\xf0" + head[-123:]))
    accept(frames, change=change)(sock, head)


SET_COOKIE = headers((b":status", b"403"), (b"set-cookie", b"session=planted-by-server; Path=/"))

SECRETS = [
    "--cookies=COOKIES",
    "--header=Authorization: Bearer planted-bearer/+=",
    "--header=X-Basic: Basic cGxhbnRlZC1iYXNpYzpwbGFudGVk",
    "--header=X-Api-Key: planted-api-key",
    "--socket=/x?plain=yes&token=planted-token",
    "--socket=/x?access_token=planted%2ftoken+with~signs==",
    "--socket=/x?jwt=eyJplanted.eyJ0b2tlbg.c2lnbmF0dXJl-_x",
]
"""Options with secrets of each kind; each secret begins like one of PLANTED."""

PLANTED = ["planted", "cGxhbnRlZ", "c29tZWJvZHk6cGxhbnRlZ", "eyJ0b2tlbg", "c2lnbmF0dXJl"]
"""The beginnings of the secrets, in plain text and in base64."""

ROUTES = {
    "direct": [],
    "through a proxy": ["--proxy=http://somebody:planted%2Fpassword@127.0.0.1:PROXY"],
    "through a SOCKS proxy": ["--proxy=socks5://somebody:planted-socks@127.0.0.1:PROXY"],
    "to the URL of a WebSocket": [],
}

STOPPED = "is stopped"
"""The peer to which no connection is possible."""

PEERS = {
    "is good": Case(fake_dss(elsewhere=accept())),
    "repeats": Case(always(repeat)),
    "accepts and repeats": Case(fake_dss(handshake=accept_and_repeat, elsewhere=accept_and_repeat)),
    "closes": Case(close, raw=True),
    "is not trusted": https(always(repeat), tls=tls_named("planted.nothing", trusted=False)),
    "speaks no TLS": https(always(repeat), tls=None),
    "repeats over HTTP/2": https(fake_dss_over_http2(SET_COOKIE), tls=TLS_WITH_HTTP_2),
    STOPPED: Case(fake_dss(), options=PATIENT),
}


def planted(text):
    """Return the places in a text that contain a secret."""
    return re.findall(f".{{0,40}}(?:{'|'.join(PLANTED)}).{{0,20}}", text.replace("planted.nothing", ""))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("peer", PEERS)
def test_no_output_contains_a_secret(peer, route, tmp_path, capsys, monkeypatch):
    (tmp_path / "cookies").write_text("Cookie: session=planted-cookie; other=planted-other")
    proxy = repeat if "proxy" in route else None
    case = replace(PEERS[peer], options=(*SECRETS, *ROUTES[route]), proxy=proxy)
    if "WebSocket" in route:
        case = replace(case, scheme=case.scheme.replace("http", "ws"), path="/x?token=planted-in-address")
    assert planted(all_output(case, tmp_path, capsys, monkeypatch, stopped=peer == STOPPED)) == []


def all_output(case, folder, capsys, monkeypatch, *, stopped):
    """Return what `diagnose` and `note` print and save about a peer."""
    saved = folder / "saved.json"
    with contextlib.ExitStack() as stack:
        arguments = stack.enter_context(running(case, folder))
        arguments = [argument.replace("COOKIES", str(folder / "cookies")) for argument in arguments]
        if stopped:
            stack.close()
        main(["diagnose", *arguments, "--save", str(saved)])
        with monkeypatch.context() as patched:
            patched.setattr(sys.stderr, "isatty", lambda: True)
            main(["note", *arguments])
    for form in (["diagnose"], ["diagnose", "--json"], ["note"], ["note", "--plain"]):
        main([*form, "--load", str(saved)])
    printed = capsys.readouterr()
    return printed.out + printed.err + saved.read_text()


WORDS = [
    "page",
    "status",
    "true",
    "false",
    "http",
    "none",
    "127.0.0.1",
    "2026",
    "no-origin",
    "200,",
    "websocket",
    "name",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_secret_that_is_a_common_word_changes_nothing(word, tmp_path, capsys):
    (tmp_path / "cookies").write_text(f"Cookie: last={word}")
    options = (*PATIENT, f"--cookies={tmp_path}/cookies", f"--header=X-Last: {word}")
    with running(Case(fake_dss(), options=options), tmp_path) as arguments:
        assert main(["diagnose", "--json", *arguments]) == 0
    evidence = json.loads(capsys.readouterr().out)["evidence"]
    assert evidence["url"] == arguments[0]
    assert {handshake["path"] for handshake in evidence["handshakes"]} == {NOTIFICATIONS}


def mistakes(folder):
    """Return command lines with a mistake beside a secret."""
    (folder / "targets").write_text("http://dss.example.com/?token=planted-in-file\n")
    return [
        ["diagnose", "http://planted-user:planted-password@dss.example.com:99999"],
        ["diagnose", "http://planted-user:planted-password@[::1"],
        ["diagnose", "http://planted-user:planted-password@dss.example.com"],
        ["diagnose", "dss.example.com/?token=planted-token"],
        ["diagnose", "https://dss.example.com/?token=planted-token"],
        ["diagnose", "wss://dss.example.com/x?token=planted-token#part"],
        ["diagnose", "--targets", str(folder / "targets")],
        ["diagnose", "http://dss.example.com", "--socket", "x?token=planted-token"],
        ["diagnose", "http://dss.example.com", "--header", "Authorization Bearer planted-bearer"],
        ["diagnose", "http://dss.example.com", "--header", "Host: planted-bearer"],
        ["diagnose", "http://dss.example.com", "--headers", "Authorization: Bearer planted-bearer"],
        ["diagnose", "http://dss.example.com", "--proxy", "http://planted-user:planted-password@proxy:99999"],
        ["diagnose", "http://dss.example.com", "--proxy", "planted-user:planted-password@proxy/x"],
        ["diagnose", "http://dss.example.com", "--proxy", "http:/planted-user:planted-password@proxy"],
    ]


@pytest.mark.parametrize("place", range(14))
def test_no_usage_error_contains_a_secret(place, tmp_path, capsys):
    assert main(mistakes(tmp_path)[place]) == 2
    printed = capsys.readouterr()
    assert planted(printed.out + printed.err) == []
