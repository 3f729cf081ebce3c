"""The options for route and credentials: what they send, and what they hide."""

import io
import os
import socket
import ssl
import subprocess
import sys
from http.server import ThreadingHTTPServer

import pytest
import trustme
from support.web_sites import Repeating, serving

from checks.cli import main
from checks.lab.process import MachineError
from checks.probe import Target

WRONG = [
    (["--idle=-1"], "--idle: expected 0-86400 seconds, got -1"),
    (["--idle", "-1"], "--idle: expected 0-86400 seconds, got -1"),
    (["--idle", "-4"], "--idle: expected a value; if it starts with -, write --idle=VALUE; see `python -m checks"),
    (["--idle", "nan"], "--idle: expected 0-86400 seconds, got nan"),
    (["--idle", "-inf"], "--idle: expected 0-86400 seconds, got -inf"),
    (["--size", "-1"], "--size: expected 0-1073741824 bytes, got -1"),
    (["--size", "-inf"], "--size: expected a number, got '-inf'"),
    (["--timeout", "-1e3"], "--timeout: expected 0.01-3600 seconds, got -1000"),
    (["--size", "1.5"], "--size: expected a number, got '1.5'"),
    (["--size", "2000000000"], "--size: expected 0-1073741824 bytes, got 2000000000"),
    (["--timeout", "0"], "--timeout: expected 0.01-3600 seconds, got 0"),
    (
        ["--socket", "x?token=planted-secret"],
        "--socket: expected a path such as /dip/websocket, without spaces and #, got 'x'",
    ),
    (["--socket", "/a b"], "--socket: expected a path such as /dip/websocket, without spaces and #, got '/a b'"),
    (
        ["--socket", "/a#planted-secret"],
        "--socket: expected a path such as /dip/websocket, without spaces and #, got '/a'",
    ),
    (["--socket", "/\x1b"], "--socket: expected a path such as /dip/websocket, without spaces and #, got '/\\x1b'"),
    (["--cookies", "/nowhere"], "cannot read the cookies from /nowhere: no such file"),
    (["--cookies", "session=planted-secret"], "--cookies: expected a file, got a cookie; pass a file that contains it"),
    (["--header", "no colon"], "--header: expected 'Name: value'"),
    (["--header", "Upgrade: h2c"], "--header: cannot set Upgrade, because the handshake needs its own"),
    (["--header", "Sec-WebSocket-Key: x"], "--header: cannot set Sec-WebSocket-Key, because"),
    (["--header", "A: b\r\nHost: evil"], "--header: expected one line of ASCII text as the value of A"),
    (["--header", "A: planted-secret-\u6f22"], "--header: expected one line of ASCII text as the value of A"),
    (["--ca", "/nowhere.pem"], "--ca: cannot read a PEM certificate from /nowhere.pem: no such file"),
    (["--cert", "/nowhere.pem"], "--cert: cannot read a PEM certificate and its key from /nowhere.pem: no such"),
    (["--key", "/nowhere.pem"], "--key: expected --cert too"),
    (["-4", "-6"], "-6: cannot be combined with -4; see `python -m checks diagnose --help`"),
    (["--proxy", "http://p", "--no-proxy"], "--no-proxy: cannot be combined with --proxy; see "),
    (["--proxy", "x://me:planted-secret@y"], "invalid proxy 'x://***@y'; expected a URL such as"),
    (["--proxy", "http://y/x?token=planted-secret"], "invalid proxy 'http://y/x?...'; expected a URL such as"),
    (["--pac", "http://h/p.pac"], "cannot read the PAC file from a URL; download it first, and pass the file"),
    (["--cookies", ""], "--cookies: expected a value, got an empty one; see `python -m checks diagnose --help`"),
    (["--proxy", ""], "--proxy: expected a value, got an empty one; see "),
    (["--ca", ""], "--ca: expected a value, got an empty one; see "),
    (["--save", ""], "--save: expected a value, got an empty one; see "),
    (["--ca", __file__], f"--ca: cannot read a PEM certificate from {__file__}: no certificate or crl found\n"),
    (["--cert", __file__], f"--cert: cannot read a PEM certificate and its key from {__file__}: it is not PEM, or a"),
    (["--pac", __file__], "the PAC file fails: Malformed PAC file"),
    (["--pac", "/dev/null"], "the PAC file has no function FindProxyForURL, which every PAC file needs\n"),
    (["--pac", "/nowhere"], "cannot read the PAC file from /nowhere: no such file"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
def test_a_wrong_option_is_one_line_without_secrets(options, message, capsys):
    assert main(["diagnose", "http://h", *options]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"checks: {message}")
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "planted-secret" not in output.err


@pytest.mark.parametrize("secret", ["http://user:planted-secret@h", "http://h/?token=planted-secret"])
def test_a_wrong_url_is_one_line_without_secrets(secret, capsys):
    assert main(["diagnose", secret]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "planted-secret" not in error


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://DSS.Example.com:443/", "https://dss.example.com"),
        ("http://dss.example.com:11200", "http://dss.example.com:11200"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_origin_is_what_a_browser_sends(url, origin):
    assert Target(url).origin == origin


@pytest.fixture
def repeating():
    with serving(Repeating) as server:
        yield server


COOKIES = {
    "a header": "Cookie: session=planted-secret; other=1\n",
    "a value": "session=planted-secret; other=1",
    "cookies.txt": "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tplanted-secret\n",
}


@pytest.mark.proves("secrets-are-never-shown")
@pytest.mark.parametrize("form", COOKIES)
def test_cookies_are_sent_and_never_shown(form, repeating, tmp_path, capsys):
    """Cookies are sent, and never shown."""
    (tmp_path / "cookies").write_text(COOKIES[form])
    saved = tmp_path / "saved.json"
    main(["diagnose", repeating.url, "--cookies", str(tmp_path / "cookies"), "--save", str(saved), "--json"])
    assert "session=planted-secret" in repeating.requests[0]["Cookie"]
    output = capsys.readouterr()
    assert "planted-secret" not in output.out + output.err + saved.read_text()


def test_cookies_txt_is_read_from_standard_input_too(repeating, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(COOKIES["cookies.txt"]))
    main(["diagnose", repeating.url, "--cookies", "-"])
    assert repeating.requests[0]["Cookie"] == "session=planted-secret"


@pytest.mark.parametrize(
    "wrong", ["127.0.0.1 session=planted-secret", "127.0.0.1\tFALSE\t/\tFALSE\tx\ta\tplanted-secret"]
)
def test_a_wrong_cookies_txt_is_one_line_without_secrets(wrong, tmp_path, capsys):
    (tmp_path / "cookies").write_text(f"# Netscape HTTP Cookie File\n{wrong}\n")
    assert main(["diagnose", "http://h", "--cookies", str(tmp_path / "cookies")]) == 2
    assert capsys.readouterr().err == (
        "checks: --cookies: expected 7 fields on each line of the cookies.txt, separated by tabs\n"
    )


@pytest.mark.proves("secrets-are-never-shown")
def test_headers_and_tokens_are_sent_and_never_shown(repeating, tmp_path, capsys):
    saved = tmp_path / "saved.json"
    path = "/api?token=planted-secret-1&plain=yes"
    header = "Authorization: Bearer planted-secret-2"
    main(["diagnose", repeating.url, "--socket", path, "--header", header, "--save", str(saved)])
    main(["note", repeating.url, "--socket", path, "--header", header])
    assert repeating.requests[0]["Authorization"] == "Bearer planted-secret-2"
    output = capsys.readouterr()
    assert "/api?token=***&plain=yes" in output.out
    assert "planted-secret" not in output.out + output.err + saved.read_text()


class OnIPv6(ThreadingHTTPServer):
    """A server that has only an IPv6 address."""

    address_family = socket.AF_INET6


@pytest.fixture
def on_ipv6():
    try:
        server = serving(Repeating, kind=OnIPv6, address="::1")
        with server as running:
            yield running
    except OSError as error:
        raise MachineError(
            f"no IPv6 on loopback ({error.strerror}); on Linux, allow it with: sysctl net.ipv6.conf.lo.disable_ipv6=0"
        ) from error


def test_only_the_chosen_address_family_is_used(on_ipv6, capsys):
    assert main(["diagnose", "-6", on_ipv6.url]) == 1
    assert "[::1]" in capsys.readouterr().out
    on_ipv6.requests.clear()
    assert main(["diagnose", "-4", on_ipv6.url]) == 2
    assert "(unreachable)" in capsys.readouterr().out
    assert on_ipv6.requests == []


@pytest.fixture
def authority(tmp_path):
    """Return an authority whose certificate is in ca.pem."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


def certified(authority):
    """Return a server's TLS with a certificate for 127.0.0.1."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


NO_AUTHORITIES = {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere"}


@pytest.mark.parametrize("environment", [{}, NO_AUTHORITIES], ids=["usual", "no authorities"])
def test_without_authorities_no_certificate_is_called_untrusted(environment, authority):
    with serving(Repeating, tls=certified(authority)) as server:
        command = [sys.executable, "-m", "checks", "diagnose", server.url]
        env = {**os.environ, **environment}
        output = subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout
    assert ("\nThe certificate is not trusted (cert-untrusted)\n" in output) == (not environment)
    assert ("this Python has no trusted certificates" in " ".join(output.split())) == bool(environment)


@pytest.mark.proves("secrets-go-to-trusted-servers-only")
@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
def test_secrets_go_only_to_a_trusted_server(trusted, authority, tmp_path, capsys):
    """Secrets go only to a server whose certificate is trusted."""
    (tmp_path / "cookies").write_text("session=planted-secret")
    trust = ["--ca", str(tmp_path / "ca.pem")] if trusted else []
    with serving(Repeating, tls=certified(authority)) as server:
        main(["diagnose", server.url, "--cookies", str(tmp_path / "cookies"), *trust])
    assert server.requests
    assert any("Cookie" in headers for headers in server.requests) == trusted
    assert ("cookies and headers: not sent, because the" in capsys.readouterr().out) == (not trusted)


def test_a_client_certificate_is_presented(authority, tmp_path, capsys):
    authority.issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(tmp_path / "me.pem")
    context = certified(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    trust = ["--ca", str(tmp_path / "ca.pem")]
    with serving(Repeating, tls=context) as server:
        main(["diagnose", server.url, *trust])
        without = capsys.readouterr().out
        main(["diagnose", server.url, *trust, "--cert", str(tmp_path / "me.pem")])
    assert "page                 404 Not Found" in capsys.readouterr().out
    assert "404 Not Found" not in without
