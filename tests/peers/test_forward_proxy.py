"""The forward proxy: from an option, the environment, or a PAC file."""

import pytest

from checks.probe.forward_proxy import ForwardProxy, from_environment, from_pac, parse

GIVEN = {
    "http://proxy.example.com:3128": ("http", "proxy.example.com", 3128, "", ""),
    "proxy.example.com:3128": ("http", "proxy.example.com", 3128, "", ""),
    "http://proxy.example.com": ("http", "proxy.example.com", 80, "", ""),
    "https://proxy.example.com/": ("https", "proxy.example.com", 443, "", ""),
    "socks5://me:p%40ss@10.0.0.1": ("socks5", "10.0.0.1", 1080, "me", "p@ss"),
    "socks5h://[::1]:9": ("socks5h", "::1", 9, "", ""),
}


@pytest.mark.parametrize("text", GIVEN)
def test_a_url_is_parsed(text):
    proxy = parse(text, "option")
    assert (proxy.scheme, proxy.host, proxy.port, proxy.username, proxy.password) == GIVEN[text]


@pytest.mark.parametrize(
    "text", ["", "://", "ftp://h", "http://", "http://h:0", "http://h:70000", "http://h/path", "http://[half"]
)
def test_an_invalid_url_is_one_line(text):
    with pytest.raises(ValueError, match=r"^invalid proxy .*; expected a URL such as http://proxy"):
        parse(text, "option")


@pytest.mark.parametrize("text", ["ftp://me:planted-secret@h", "me:planted-secret@h:x", "http://me:planted-secret@h/p"])
def test_an_error_has_no_password(text):
    with pytest.raises(ValueError, match="invalid proxy") as raised:
        parse(text, "option")
    assert "planted-secret" not in str(raised.value)


def test_the_text_of_a_proxy_has_no_password():
    proxy = parse("http://me:planted-secret@h:3128", "option")
    assert str(proxy) == "http://me@h:3128"
    assert "planted-secret" not in repr(proxy)


def test_a_user_name_without_a_password_may_be_a_token():
    assert str(parse("http://planted-secret@h:3128", "option")) == "http://***@h:3128"


ENVIRONMENT = [
    ({}, "https://dss.example.com", None),
    ({"HTTPS_PROXY": "http://p:1"}, "https://dss.example.com", "http://p:1"),
    ({"https_proxy": "http://p:1"}, "wss://dss.example.com/s", "http://p:1"),
    ({"https_proxy": "http://p:1"}, "http://dss.example.com", None),
    ({"http_proxy": "p:1"}, "ws://dss.example.com:11200", "http://p:1"),
    ({"ALL_PROXY": "socks5://p:1"}, "https://dss.example.com", "socks5://p:1"),
    ({"https_proxy": "http://p:1", "no_proxy": "example.com"}, "https://dss.example.com", None),
    ({"https_proxy": "http://p:1", "no_proxy": "*"}, "https://dss.example.com", None),
    ({"https_proxy": "http://p:1", "no_proxy": "dss.example.com:444"}, "https://dss.example.com", "http://p:1"),
    ({"https_proxy": "http://p:1", "NO_PROXY": "other.example.com"}, "https://dss.example.com", "http://p:1"),
]


@pytest.mark.parametrize(("environ", "url", "expected"), ENVIRONMENT)
def test_the_environment_is_read_like_most_programs_do(environ, url, expected, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    proxy = from_environment(url, environ)
    assert (str(proxy) if proxy else None) == expected


def pac(body):
    return f"function FindProxyForURL(url, host) {{ {body} }}"


RESULTS = [
    (pac("return 'DIRECT';"), [None]),
    (pac("return '';"), [None]),
    (pac("return 'PROXY p:3128; DIRECT';"), [ForwardProxy("http", "p", 3128, source="PAC file"), None]),
    (pac("return 'SOCKS5 p';"), [ForwardProxy("socks5", "p", 1080, source="PAC file")]),
    (
        pac("return 'SOCKS p; SOCKS4 p:1';"),
        [ForwardProxy("socks4", "p", port, source="PAC file") for port in (1080, 1)],
    ),
    (
        pac("return ' ;  https   p ;; PROXY q:99999;PROXY;CARRIER pigeon:1; direct';"),
        [parse("https://p", "PAC file"), None],
    ),
    (pac("return 'CARRIER PIGEON';"), [None]),
    (pac("return dnsDomainIs(host, '.example.com') ? 'PROXY in:1' : 'DIRECT';"), [parse("in:1", "PAC file")]),
    (pac("return shExpMatch(url, 'https:*') ? 'PROXY no:1' : 'PROXY yes:1';"), [parse("yes:1", "PAC file")]),
    (pac("return 'PROXY ' + url.replace(/[^a-z]/g, '') + ':1';"), [parse("wssdssexamplecom:1", "PAC file")]),
]


@pytest.mark.parametrize(("script", "expected"), RESULTS)
def test_a_pac_file_gets_what_a_browser_gives_it(script, expected):
    assert from_pac(script, "wss://dss.example.com/dip/websocket?token=secret", "dss.example.com") == expected


HOSTILE = {
    "": "the PAC file has no function FindProxyForURL",
    "this is not a program": "the PAC file has no function FindProxyForURL",
    pac("throw new Error('no');"): "the PAC file fails",
    pac("var x = 'x'; for (;;) x += x; return x;"): "the PAC file",
}


@pytest.mark.parametrize("script", HOSTILE, ids=range(len(HOSTILE)))
def test_a_failing_pac_file_is_one_line(script):
    with pytest.raises(ValueError, match=HOSTILE[script]):
        from_pac(script, "ws://dss.example.com/", "dss.example.com")


@pytest.mark.parametrize(("limit", "words"), [("PAC_TIMEOUT", "within 1 s$"), ("PAC_CPU", "within 1 s of CPU time$")])
def test_an_endless_pac_file_is_stopped(limit, words, monkeypatch):
    monkeypatch.setattr(f"checks.probe.forward_proxy.{limit}", 1)
    with pytest.raises(ValueError, match=f"did not finish {words}"):
        from_pac(pac("for (;;) {}"), "ws://dss.example.com/", "dss.example.com")
