"""URLs as people type and paste them."""

import pytest
from support.web_sites import Repeating, serving

from checks.cli import main
from checks.cli.urls import TypedUrl, complete
from checks.lab.process import free_port

HTTPS = TypedUrl("https://dss.example.com", guessed=True)

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
    "": TypedUrl(""),
}


@pytest.mark.parametrize("text", TYPED, ids=ascii)
def test_a_url_is_completed(text):
    assert complete(text) == TYPED[text]


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
