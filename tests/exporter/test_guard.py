"""The exporter refuses everything that is not listed, and names the reason.

ATTEMPTS and LEADS_TO list what was tried to reach something else.
"""

import asyncio
import socket
import time
import urllib.parse

import pytest
from hypothesis import given, settings, strategies

from checks.exporter.addresses import network, permission
from checks.exporter.modules import load
from checks.exporter.places import place
from checks.exporter.service import RefusedError, Service
from checks.probe import Target, connect

pytestmark = pytest.mark.quick

MODULES = """
modules:
  dss:
    targets:
      - https://dss.example.com
      - https://*.wild.example.com
      - http://10.0.0.5:8080
      - wss://dss.example.com/path?id=1
      - http://169.254.169.254
      - http://127.0.0.1:8080
      - https://leads-anywhere.example.com
    hold: 0
"""

ADDRESS = "is not an allowed IP address"
UNLISTED = "module dss does not list"
USER = "contains a user name"
IPV4 = "invalid IPv4 address"
EXPECTED = "expected a URL such as"

ATTEMPTS = {
    # what is not listed
    "https://other.example.com": UNLISTED,
    "https://example.com": UNLISTED,
    "https://dss.example.com:8443": UNLISTED,
    "http://dss.example.com": UNLISTED,
    "wss://dss.example.com/": UNLISTED,
    "wss://dss.example.com/path?id=2": UNLISTED,
    "wss://dss.example.com/path/../other?id=1": UNLISTED,
    "https://wild.example.com": UNLISTED,
    "https://a.b.wild.example.com": UNLISTED,
    "https://evilwild.example.com": UNLISTED,
    "https://dss.example.com.evil.example": UNLISTED,
    "http://10.0.0.5": UNLISTED,
    "http://10.0.0.50:8080": UNLISTED,
    "http://[::ffff:a00:5]:8080": UNLISTED,
    "http://localhost:8080": UNLISTED,
    # two programs could read these differently
    "https://dss.example.com@evil.example": USER,
    "https://evil.example@dss.example.com": USER,
    "https://user:secret@dss.example.com": USER,
    "https://evil.example\\@dss.example.com": USER,
    "https://dss.example.com\\.evil.example": EXPECTED,
    "https://dss.example.com#@evil.example": EXPECTED,
    "https://dss.example.com?@evil.example": EXPECTED,
    "https://dss.example.com/../../": "expected no path",
    "https://dss.example.com/metrics": "expected no path",
    "https://dss.example.com.": "invalid host name",
    "https://dss..example.com": "invalid host name",
    "https://*.wild.example.com": "invalid host name",
    "https://dss%2eexample.com": EXPECTED,
    "https://dss.example.com%00.evil.example": EXPECTED,
    "https://dss.example.com:443:80": EXPECTED,
    "https://dss.example.com:0": "invalid port",
    "https://dss.example.com:65536": "invalid port",
    "https://dss.example.com:0443": "invalid port",
    "https://dss.example.com:+443": EXPECTED,
    "https://dss.example.com ": "contains a space",
    "https://dss.example.com\r\nHost: evil": "contains a space",
    "https://dss.example\t.com": "contains a space",
    "https://dss.example.com/" + "a" * 2000: "longer than 2000 characters",
    # host names in another script
    "https://d\u0455s.example.com": "not ASCII",
    "https://dss\u3002example.com": "not ASCII",
    "https://\uff44ss.example.com": "not ASCII",
    "https://dss.example.com\u200b": "not ASCII",
    # IPv4 addresses in other notations
    "http://167772165:8080": IPV4,
    "http://0xa.0.0.5:8080": IPV4,
    "http://0x0a000005:8080": IPV4,
    "http://012.0.0.5:8080": IPV4,
    "http://10.5:8080": IPV4,
    "http://10.0.0.5.:8080": "invalid host name",
    "http://010.0.0.05:8080": IPV4,
    # other schemes
    "file:///etc/passwd": EXPECTED,
    "gopher://dss.example.com": EXPECTED,
    "unix:///run/docker.sock": EXPECTED,
    "//dss.example.com": EXPECTED,
    "https:dss.example.com": EXPECTED,
    "https://": EXPECTED,
    # metadata, although the module lists it
    "http://169.254.169.254": ADDRESS,
}

LEADS_TO = {
    "169.254.169.254": False,
    "169.254.170.2": False,
    "fd00:ec2::254": False,
    "fd20:ce::254": False,
    "100.100.100.200": False,
    "168.63.129.16": False,
    "192.0.0.192": False,
    "::ffff:169.254.169.254": False,
    "::ffff:a9fe:a9fe": False,
    "::169.254.169.254": False,
    "64:ff9b::a9fe:a9fe": False,
    "64:ff9b:1::a9fe:a9fe": False,
    "2002:a9fe:a9fe::1": False,
    "2001:0:a9fe:a9fe::1": False,
    "2001:db8::5efe:a9fe:a9fe": False,
    "fe80::1": False,
    "fe80::1%eth0": False,
    "127.0.0.1": False,
    "127.8.8.8": False,
    "::1": False,
    "::ffff:127.0.0.1": False,
    "0.0.0.0": False,
    "::": False,
    "224.0.0.1": False,
    "255.255.255.255": False,
    "ff02::1": False,
    "10.1.2.3": True,
    "192.168.1.1": True,
    "203.0.113.9": True,
    "2001:db8::9": True,
}
"""IP addresses that the name of a listed target leads to, and whether the probe connects."""


@pytest.fixture
def modules(tmp_path):
    path = tmp_path / "modules.yml"
    path.write_text(MODULES)
    return path


@pytest.fixture
def connected(monkeypatch):
    """Record each address that a probe connects to, and let none be reached."""
    seen = []

    async def record(address, _port):
        seen.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(connect, "open_tcp", record)
    return seen


def resolve(monkeypatch, *answers):
    """Let each lookup return the next of these lists, and then the last."""
    waiting = list(answers)

    def getaddrinfo(host, port, *_, flags=0):
        if flags & socket.AI_NUMERICHOST:
            try:
                socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
            except OSError:
                raise socket.gaierror(-2, "Name or service not known") from None
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(connect.socket, "getaddrinfo", getaddrinfo)


def refusal(path, target):
    """Return why the exporter refuses a target, or an empty text if it probes it."""

    async def probe():
        try:
            await Service(path, 10, print).probe(target, "dss", 5)
        except RefusedError as error:
            return f"{error.status}: {error}"
        return ""

    return asyncio.run(probe())


def test_nothing_that_is_not_listed_is_connected_to(modules, connected, monkeypatch, capsys):
    resolve(monkeypatch, ["203.0.113.1"])
    for target, reason in ATTEMPTS.items():
        message = refusal(modules, target)
        assert message.startswith("403: ")
        assert reason in message, f"{target!r}: expected a refusal with {reason!r}, got {message!r}"
        assert "secret" not in message
        assert message.isprintable()
        assert message.isascii()
    assert connected == []
    assert "secret" not in capsys.readouterr().out


def test_an_address_is_checked_after_the_lookup(modules, connected, monkeypatch):
    for address, allowed in LEADS_TO.items():
        connected.clear()
        resolve(monkeypatch, [address])
        message = refusal(modules, "https://leads-anywhere.example.com")
        assert bool(connected) == allowed, f"{address}: expected {'a' if allowed else 'no'} connection, got {connected}"
        assert (ADDRESS in message) != allowed
        assert set(connected) <= {address}


def test_one_bad_address_among_good_ones_refuses_all(modules, connected, monkeypatch):
    resolve(monkeypatch, ["203.0.113.1", "169.254.169.254"])
    assert ADDRESS in refusal(modules, "https://dss.example.com")
    assert connected == []


def test_a_name_that_leads_elsewhere_later_is_not_followed(modules, connected, monkeypatch):
    resolve(monkeypatch, ["203.0.113.1"], ["169.254.169.254"])
    refusal(modules, "https://dss.example.com")
    assert set(connected) == {"203.0.113.1"}


def test_a_lack_of_threads_or_files_is_our_own_fault(modules, monkeypatch):
    def fail(*_):
        raise RuntimeError("can't start new thread")

    async def open_nothing(*_):
        raise OSError(24, "Too many open files")

    resolve(monkeypatch, ["203.0.113.1"])
    monkeypatch.setattr(connect, "open_tcp", open_nothing)
    assert refusal(modules, "https://dss.example.com").startswith("503: too many open files: raise the limits")
    monkeypatch.setattr(connect.threading.Thread, "start", fail)
    assert refusal(modules, "https://dss.example.com").startswith("503: our own limit: no thread is left")


def test_a_busy_computer_names_no_cause(modules, connected, monkeypatch):
    async def probe(late):
        service = Service(modules, 10, print)
        service.delays.append((time.monotonic(), late))
        return await service.probe("https://dss.example.com", "dss", 5)

    resolve(monkeypatch, ["203.0.113.1"])
    assert [finding.id for finding in asyncio.run(probe(1.0)).diagnosis.findings] == ["unreachable"]
    with pytest.raises(RefusedError, match=r"too busy for a result: the exporter was 2\.0 s late"):
        asyncio.run(probe(2.0))
    assert connected


def test_listed_targets_are_connected_to(modules, connected, monkeypatch):
    resolve(monkeypatch, ["203.0.113.1"])
    listed = {
        "https://dss.example.com": "203.0.113.1",
        "dss.example.com": "203.0.113.1",
        "HTTPS://DSS.EXAMPLE.COM:443/": "203.0.113.1",
        "https://a.wild.example.com": "203.0.113.1",
        "wss://dss.example.com/path?id=1": "203.0.113.1",
        "http://10.0.0.5:8080": "10.0.0.5",
        "http://127.0.0.1:8080": "127.0.0.1",
    }
    for target, address in listed.items():
        connected.clear()
        assert refusal(modules, target) == ""
        assert set(connected) == {address}, target


def test_networks_limit_where_names_lead():
    permits = permission((network("10.0.0.0/8"),))
    allowed = ["10.1.2.3", "11.0.0.1", "127.0.0.1", "::ffff:10.1.2.3", "169.254.169.254"]
    assert [permits(address) for address in allowed] == [True, False, False, False, False]
    assert permission((network("127.0.0.0/8"),))("127.0.0.1")
    assert not permission((network("0.0.0.0/0"), network("::/0")))("169.254.169.254")
    for text in ("169.254.169.0/24", "fe80::/64", "10.0.0.1/8", "dss.example.com"):
        with pytest.raises(ValueError, match=r"never allowed|expected a network"):
            network(text)


@pytest.mark.parametrize("pattern", ["*", "https://*", "https://a*.example.com", "https://a.*.com", "https://**.com"])
def test_a_pattern_stands_for_one_label(pattern):
    with pytest.raises(ValueError, match=r"a \*|expected a URL"):
        place(pattern, pattern=True)


ERRORS = {
    "": "{}: the file is empty; expected modules",
    "modules:\n\tdss:": "{}:2: invalid YAML: a tab at the beginning of a line; indent with spaces",
    "modules:\n  dss\n    targets: [https://h]": "{}:3: invalid YAML: unexpected colon; does the line before it"
    " lack one?",
    "modules:\n  dss:\n    targets: [https://h]\n   hold: 1": "{}:4: invalid YAML: the indentation does not fit that of"
    " the lines before",
    "modules: {{dss: {{targets: [https://h]": "{}:1: invalid YAML: the file ends before a bracket or a"
    " quotation mark is"
    " closed",
    "modules:\n  dss:\n    targets: ['https://h]": "{}:3: invalid YAML: the file ends before a bracket or a"
    " quotation mark"
    " is closed",
    "modules: {{}}\n---\nmodules: {{}}": "{}:2: invalid YAML: expected one document, without a line ---",
    "[modules]\ndss = https://h": "{}:2: invalid YAML: expected keys with values",
    "[" * 2000: "{}: invalid YAML: it is nested too deeply",
    "modules:\n  dss:\n": "{}:3: modules.dss: expected keys with values, got nothing",
    "modules: [a]": "{}:1: modules: expected keys with values, got a list",
    "module: {}": "{}:1: module: unknown key; expected modules",
    "modules: {}": "{}:1: expected 1-100 modules, got 0",
    "modules:\n  dss:\n    hold: 2": "{}:3: modules.dss: expected targets: the URLs that may be probed, such as"
    " https://dss.example.com",
    "modules:\n  DSS: {targets: [https://h]}": "{}:2: modules.DSS: invalid name; expected lower-case letters, digits,"
    " - and _",
    "modules:\n  dss:\n    targets:\n      - https://h\n      - https://u:secret@h": "{}:5: modules.dss.targets:"
    " 'https://***@h': contains a user name; credentials belong in files of the module",
    "modules:\n  dss:\n    targets: [https://h]\n    hold: 1h": "{}:4: modules.dss.hold: expected 0-600 seconds,"
    " got 1h",
    "modules:\n  dss:\n    targets: [https://h]\n    hold: nan": "{}:4: modules.dss.hold: expected 0-600 seconds,"
    " got nan",
    "modules:\n  dss:\n    targets: [https://h]\n    gentle: yes": "{}:4: modules.dss.gentle: expected true or false,"
    " got yes",
    "modules:\n  dss:\n    targets: [https://h]\n    targets: [https://i]": "{}:4: modules.dss.targets: appears twice",
    "modules:\n  dss:\n    targets: []": "{}:3: modules.dss.targets: expected at least one URL",
    "modules:\n  dss:\n    targets: [https://h]\n    networks: [169.254.0.0/16]": "{}:4: modules.dss.networks:"
    " 169.254.0.0/16 is never allowed: it is part of 169.254.0.0/16",
    "modules:\n  dss:\n    targets: [https://h]\n    sockets: [dip]": "{}:4: modules.dss.sockets: expected a path such"
    " as /dip/websocket, without spaces and #",
    "modules:\n  dss:\n    targets: [https://h]\n    sockets: [/1, /2, /3, /4, /5, /6]": "{}:4: modules.dss.sockets:"
    " expected at most 5 paths, got 6",
    "modules:\n  dss:\n    targets: [https://h]\n    ca_file: none.pem": "{}:4: modules.dss.ca_file: {folder}/none.pem"
    " does not exist",
    "modules:\n  dss:\n    targets: [https://h]\n    ca_file: cookies": "{}:4: modules.dss.ca_file: cannot read a PEM"
    " certificate from {folder}/cookies",
    "modules:\n  dss:\n    targets: [https://h]\n    key_file: cookies": "{}:4: modules.dss.key_file: expected"
    " cert_file too",
    "modules:\n  dss:\n    targets: [https://h]\n    ca_file: ../": "{}:4: modules.dss.ca_file: {folder}/.. is"
    " not a file",
    "modules:\n  dss:\n    targets: [https://h]\n    cookies_file: session=secret": "{}:4:"
    " modules.dss.cookies_file: expected"
    " the name of a file that contains the value, but no file has this name",
    "modules:\n  dss:\n    targets: [https://h]\n    header_files: {{Authorization: Bearer secret}}": "{}:4:"
    " modules.dss.header_files.Authorization: expected the name of a file that contains the value, but no file has"
    " this name",
    "modules:\n  dss:\n    targets: [https://h]\n    cookies_file: token": "{}:4: modules.dss.cookies_file: expected a"
    " file with cookies as a browser sends them: name=value; other=value",
    "modules:\n  dss:\n    targets: [https://h]\n    cookies_file: lines": "{}:4: modules.dss.cookies_file: expected"
    " one line of ASCII text in {folder}/lines",
    "modules:\n  dss:\n    targets: [https://h]\n    header_files: {{Host: token}}": "{}:4:"
    " modules.dss.header_files.Host: cannot set this header; expected one such as Authorization",
    "modules:\n  dss:\n    targets: [https://h]\n    proxy: http://u:secret@p:3128": "{}:4: modules.dss.proxy:"
    " contains a user name; use proxy_user and proxy_password_file",
    "modules:\n  dss:\n    targets: [https://h]\n    proxy: http://p:99999": "{}:4: modules.dss.proxy: invalid proxy"
    " 'http://p:99999'; expected a URL such as http://proxy.example.com:3128 or socks5://proxy.example.com",
    "modules:\n  dss:\n    targets: [https://h]\n    proxy_user: u": "{}:3: modules.dss: expected proxy, proxy_user"
    " and proxy_password_file together",
}
"""Each file of modules that is wrong, and the whole message."""


def test_an_error_has_its_line_and_no_secret(tmp_path):
    for name, text in {"token": "secret", "cookies": "a=secret", "lines": "a=secret\nb=secret"}.items():
        (tmp_path / name).write_text(text)
    path = tmp_path / "modules.yml"
    for text, message in ERRORS.items():
        path.write_text(text.replace("{{", "{").replace("}}", "}"))
        with pytest.raises(Exception, match="modules") as raised:
            load(path)
        assert str(raised.value) == message.replace("{folder}", str(tmp_path)).replace("{}", str(path), 1)
        assert "secret" not in str(raised.value)


PARTS = [
    "http",
    "https",
    "ws",
    "wss",
    "file",
    "://",
    ":",
    "//",
    "/",
    "\\",
    "@",
    "#",
    "?",
    "[",
    "]",
    ".",
    "..",
    "*",
    "%2e",
]
PARTS += [
    "dss.example.com",
    "evil.example",
    "EVIL",
    "10.0.0.5",
    "0x7f",
    "127",
    "::1",
    "::ffff:a00:5",
    "443",
    "0",
    "99999",
]
PARTS += ["\t", " ", "\u3002", "\uff0f", "\x00", "a" * 70, "-", "_", "xn--", "localhost"]


@given(strategies.lists(strategies.sampled_from(PARTS) | strategies.text(max_size=3), max_size=9).map("".join))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_what_is_compared_is_what_is_probed(text):
    try:
        compared = place(text)
    except ValueError:
        return
    target = Target(compared.url)
    assert (target.host, target.port, target.secure) == (
        compared.host,
        compared.port,
        compared.scheme in {"https", "wss"},
    )
    assert place(compared.url) == compared
    split = urllib.parse.urlsplit(text if "://" in text else f"https://{text}")
    assert (split.hostname, split.username, split.fragment) == (compared.host, None, "")


def test_quoting_hides_what_may_be_secret():
    for url in ("https://user:secret@h", "https://h?token=secret", "https://h#secret"):
        with pytest.raises(ValueError, match="h") as raised:
            place(url)
        assert "secret" not in urllib.parse.unquote(str(raised.value))
