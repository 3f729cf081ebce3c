"""URLs as people type and paste them."""

import pytest
from support.web_sites import Repeating, serving

from checks.cli import main
from checks.cli.urls import TypedUrl, complete
from checks.lab.process import free_port

HTTPS = TypedUrl("https://dss.example.com", guessed=True)

GIVEN = TypedUrl("https://dss.example.com")

TYPED = {
    "dss.example.com": HTTPS,
    "  dss.example.com\n": HTTPS,
    "\u00a0dss.example.com\u200b": HTTPS,
    '"dss.example.com"': HTTPS,
    "\u201cdss.example.com\u201d": HTTPS,
    "<dss.example.com>": HTTPS,
    "`dss.example.com`": HTTPS,
    "dss.example.com.": HTTPS,
    "//dss.example.com/": HTTPS,
    "dss.example.com/projects/?x=1#y": TypedUrl("https://dss.example.com", guessed=True, left_out=True),
    "dss.example.com:8443": TypedUrl("https://dss.example.com:8443", guessed=True),
    "dss.example.com.:8443/": TypedUrl("https://dss.example.com:8443", guessed=True),
    "dss.example.com:80": TypedUrl("http://dss.example.com:80"),
    "dss.example.com:80/x": TypedUrl("http://dss.example.com:80", left_out=True),
    "[::1]:443": TypedUrl("https://[::1]:443", guessed=True),
    "::1": TypedUrl("https://[::1]", guessed=True),
    "b\u00fccher.example": TypedUrl("https://xn--bcher-kva.example", guessed=True),
    "https://b\u00fccher.example:8443/a": TypedUrl("https://xn--bcher-kva.example:8443", left_out=True),
    "http://dss.example.com/": TypedUrl("http://dss.example.com"),
    "https://dss.example.com/projects/A/": TypedUrl("https://dss.example.com", left_out=True),
    "wss://dss.example.com/path?a=b": TypedUrl("wss://dss.example.com/path?a=b"),
    "'ws://dss.example.com/a.'": TypedUrl("ws://dss.example.com/a."),
    "https:/dss.example.com": GIVEN,
    "https:dss.example.com": GIVEN,
    "https//dss.example.com": GIVEN,
    "https;//dss.example.com": GIVEN,
    "https:\\\\dss.example.com\\": GIVEN,
    "https:///dss.example.com": GIVEN,
    "HTTPS://dss.example.com,": TypedUrl("HTTPS://dss.example.com"),
    "https://dss.example.com\u2026": GIVEN,
    "(https://dss.example.com)": GIVEN,
    "\u201ehttps://dss.example.com\u201c": GIVEN,
    "\u300chttps://dss.example.com\u300d": GIVEN,
    "\x1b[31mhttps://dss.example.com\x1b[0m": GIVEN,
    "[DSS](https://dss.example.com)": GIVEN,
    "our DSS is https://dss.example.com, since May": GIVEN,
    "DSS_URL=https://dss.example.com": GIVEN,
    "view-source:https://dss.example.com": GIVEN,
    "WebSocket connection to 'wss://dss.example.com/a?b=c' failed: ": TypedUrl("wss://dss.example.com/a?b=c"),
    "wss:/dss.example.com/a": TypedUrl("wss://dss.example.com/a"),
    "dss.example.com/login?next=https://other.example": TypedUrl(
        "https://dss.example.com", guessed=True, left_out=True
    ),
    "https://dss.example.com/login?next=https://other.example": TypedUrl("https://dss.example.com", left_out=True),
    "ws:8080": TypedUrl("http://ws:8080"),
    "https://2001:db8::1": TypedUrl("https://[2001:db8::1]"),
    "[fe80::1%25eth0]:11200": TypedUrl("https://[fe80::1%eth0]:11200", guessed=True),
    "dss\u3002example\u3002com": HTTPS,
}

REFUSED = {
    "": "invalid URL ''; expected something like https://dss.example.com",
    "/dip/websocket": "invalid URL '/dip/websocket'; expected something like https://dss.example.com",
    "https://": "invalid URL 'https://'; expected something like https://dss.example.com",
    "ftp://dss.example.com": "'ftp://dss.example.com': expected a URL with https://, http://, wss:// or ws://, got ftp://",
    "htps://me:planted-secret@dss.example.com": "'htps://***@dss.example.com': expected a URL with https://",
    "http://https://dss.example.com": "'http://https://dss.example.com': expected a URL with https://, http://, wss://"
    " or ws://, got a second scheme",
    "C:\\dss.txt": "'C:\\\\dss.txt': expected a URL with https://",
    "https://a.example https://b.example": "expected one URL per argument, got 'https://a.example https://b.example'",
    "https://a.example,https://b.example": "expected one URL per argument, got 'https://a.example,https://b.example'",
    "a.example, b.example": "expected one URL per argument, got 'a.example, b.example'",
    "dss.example.com 11200": "expected one URL per argument, got 'dss.example.com 11200'",
    "https://[::1": "invalid URL 'https://[::1'; expected something like https://dss.example.com",
    "2001:db8::1:11200": "'2001:db8::1:11200': expected an IPv6 address in brackets, such as [2001:db8::1]:11200",
    "dss..example.com": "invalid host in 'https://dss..example.com'; expected a name such as dss.example.com, or an IP"
    " address such as 10.0.0.5",
    "https://*.example.com": "invalid host in 'https://*.example.com'; expected a name",
    "https://dss%2eexample.com": "invalid host in 'https://dss%2eexample.com'; expected a name",
    "$DSS_URL": "invalid host in 'https://$DSS_URL'; expected a name",
    "10.0.0.256": "invalid host in 'https://10.0.0.256'; expected a name",
    "0x7f000001": "invalid host in 'https://0x7f000001'; expected a name",
    "a" * 64 + ".example": f"invalid host in 'https://{'a' * 64}.example'; expected a name",
    "https://dss.example.com:443:443": "invalid port in 'https://dss.example.com:443:443'; expected 1-65535",
    "mailto:admin@example.com": "the URL contains a user name; remove it",
    "wss://dss.example.com/a b": "'wss://dss.example.com/a b' contains a space or a control character; in a path",
}
"""Texts that are not one URL, and how the message begins."""


@pytest.mark.parametrize("text", TYPED, ids=ascii)
def test_a_url_is_completed(text):
    assert complete(text) == TYPED[text]


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_what_is_not_one_url_gets_one_line(text, capsys):
    assert main(["diagnose", text]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"checks: {REFUSED[text]}")
    assert output.err.count("\n") == 1
    assert output.out == ""
    assert "planted-secret" not in output.err


def test_a_url_within_a_text_is_announced(capsys):
    assert main(["diagnose", "--no-proxy", "it is http://127.0.0.1:1, not https"]) == 2
    assert capsys.readouterr().err == "testing http://127.0.0.1:1, which is the URL in that text\n"


def test_a_url_without_a_scheme_is_tested_over_https(capsys):
    port = free_port()
    assert main(["diagnose", f"127.0.0.1:{port}", "--no-proxy"]) == 2
    output = capsys.readouterr()
    assert output.err == f"no scheme given, so testing https://127.0.0.1:{port}\n"
    assert "The server cannot be reached (unreachable)" in output.out


@pytest.mark.parametrize(
    "url", ["user:planted-secret@dss.example.com/?token=planted-secret", "https://127.0.0.1:1/?token=planted-secret"]
)
def test_a_url_that_is_completed_shows_no_secret(url, capsys):
    assert main(["diagnose", url]) == 2
    output = capsys.readouterr()
    assert "planted-secret" not in output.out + output.err


@pytest.mark.parametrize("command", ["diagnose", "note"])
def test_http_is_tested_where_plain_http_answers_https(command, capsys):
    with serving(Repeating) as server:
        address = server.url.partition("://")[2]
        assert main([command, address]) == 1
    output = capsys.readouterr()
    assert output.err == (
        f"no scheme given, so testing https://{address}\n"
        f"the port responded with plain text instead of TLS, so testing http://{address}\n"
    )
    assert "404 Not Found" in output.out


def test_each_url_of_a_file_is_completed(tmp_path, capsys):
    with serving(Repeating) as server:
        address = server.url.partition("://")[2]
        (tmp_path / "targets.txt").write_text(f'"{address}"\n{server.url}/path\n')
        assert main(["diagnose", "--targets", str(tmp_path / "targets.txt")]) == 1
    output = capsys.readouterr()
    assert output.out.startswith(f"{server.url} ")
    assert f"testing {server.url} without the path: " in output.err


def test_a_scheme_that_was_given_is_kept(capsys):
    with serving(Repeating) as server:
        assert main(["diagnose", server.url.replace("http", "https")]) == 1
    output = capsys.readouterr()
    assert output.err == ""
    assert "(scheme-mismatch)" in output.out


def test_cookies_from_standard_input_serve_all_urls(tmp_path, monkeypatch, capsys):
    (tmp_path / "cookies").write_text("session=planted-secret")
    with serving(Repeating) as server, (tmp_path / "cookies").open() as cookies:
        monkeypatch.setattr("sys.stdin", cookies)
        main(["diagnose", server.url, server.url, "--cookies", "-"])
    assert capsys.readouterr().err == ""
    assert all(headers["Cookie"] == "session=planted-secret" for headers in server.requests if "Cookie" in headers)
