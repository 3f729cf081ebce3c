"""The policies that block a WebSocket are those with which browsers block it."""

import contextlib
import json

import pytest
from support.policies import CASES, HOST, PATH, TRY, filled, policy_server

from checks.evidence import Response
from checks.findings.csp import HEADER, blocking_policy
from checks.lab.chromium import launch
from checks.lab.firefox import launch_firefox

ALL = list(range(len(CASES)))
ABOUT_PORTS = [number for number in ALL if any(part in "".join(CASES[number]) for part in (":", "{host}", "upgrade"))]
"""The cases that are also tried on the default port."""

LENIENT = {
    policy
    for policy, _ in CASES
    if policy.startswith("connect-src ws://{host}:{port}")
    and not policy.endswith(("/dip", "websocket/", "DIP/", "other/"))
}
"""The policies that Chromium blocks and Firefox allows: ws with a port of its own, on a page over https."""


def expected(url, port):
    """Return what each case gives, as our rules have it."""
    pages = [
        Response(200, "OK", ((HEADER, filled(header, port)),) if header else (), f"<!doctype html>{document}<p>page")
        for header, document in CASES
    ]
    return ["blocked" if blocking_policy(page, url, PATH) else "open" for page in pages]


def compared(numbers, found, wanted, *, lenient=frozenset()):
    """Return the cases in which a browser differs."""
    return [
        (CASES[number], browser, wanted[number])
        for number, browser in zip(numbers, found, strict=True)
        if browser != wanted[number] and CASES[number][0] not in lenient
    ]


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_chromium_blocks_what_our_rules_block(secure):
    scheme, default = f"http{'s' * secure}", 443 if secure else 80
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(policy_server(secure=secure))
        mapped = stack.enter_context(policy_server(secure=secure, own_port=default))
        upgraded = stack.enter_context(policy_server(secure=True))
        ports = {default: mapped} if secure else {default: mapped, 443: upgraded}
        rules = [*(f"MAP {HOST}:{port} 127.0.0.1:{real}" for port, real in ports.items()), f"MAP {HOST} 127.0.0.1"]
        options = [f"--host-resolver-rules={', '.join(rules)}", "--ignore-certificate-errors"]
        browser = stack.enter_context(launch(*options))
        for port, url, numbers in (
            (own, f"{scheme}://{HOST}:{own}", ALL),
            (default, f"{scheme}://{HOST}", ABOUT_PORTS),
        ):
            page = browser.new_page()
            page.goto(url)
            found = page.evaluate(TRY, [numbers, url.replace("http", "ws") + PATH])
            assert compared(numbers, found, expected(url, port)) == []


def test_firefox_blocks_what_our_rules_block():
    with policy_server(secure=True) as port, launch_firefox(HOST) as firefox:
        url = f"https://{HOST}:{port}"
        firefox.open(url)
        arguments = json.dumps([ALL, url.replace("http", "ws") + PATH])
        found = json.loads(firefox.evaluate(f"({TRY})({arguments}).then(JSON.stringify)"))
    assert compared(ALL, found, expected(url, port), lenient=LENIENT) == []


@pytest.mark.parametrize(
    ("url", "policy", "blocked"),
    [
        ("http://127.0.0.1:8080", "upgrade-insecure-requests", False),
        ("http://localhost:8080", "upgrade-insecure-requests", False),
        ("http://dss.localhost:8080", "upgrade-insecure-requests", False),
        ("http://127.0.0.1:8080", "connect-src ws://*.0.0.1:*", True),
        ("http://127.0.0.1:8080", "connect-src ws://127.0.0.1:*", False),
        ("http://[::1]:8080", "connect-src ws://127.0.0.1:*", True),
        ("http://[::1]:8080", "connect-src 'self'", False),
        ("http://[", "connect-src 'none'", False),
    ],
)
def test_hosts_on_this_computer_and_ip_addresses_differ(url, policy, blocked):
    page = Response(200, "OK", ((HEADER, policy),))
    assert bool(blocking_policy(page, url, PATH)) == blocked


@pytest.mark.parametrize("piece", ["<meta ", "<!--", "<script>", "<a '", '<meta content="', "<", "<meta a=", "a", " "])
def test_a_long_document_is_read_in_bounded_time(piece):
    page = Response(200, "OK", ((HEADER, "connect-src 'self'"),), piece * (4096 // len(piece)))
    assert blocking_policy(page, "http://dss.example.com", PATH) is None
