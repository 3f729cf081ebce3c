"""Browsers and diagnose send what checks/browsers.json records."""

import json
import re
from dataclasses import asdict

import pytest

from checks.lab.browsers import ENGINES, RESULTS
from checks.probe.browsers import ENCODINGS, FETCH, HANDSHAKES, HTTP2, PAGE, filled, user_agent
from checks.probe.target import Target

RECORD = json.loads(RESULTS.read_text())["browsers"]
ORIGIN = "https://dss.example.com"
VERSION = re.compile(r"\d+(\.\d+)+|(?<=v=\")\d+|(?<=rv:)\d+")


def without_versions(value):
    """Return a value of JSON with each version as N: browsers update themselves."""
    return json.loads(VERSION.sub("N", json.dumps(value)))


@pytest.mark.parametrize("name", ENGINES)
def test_a_browser_sends_and_prints_what_is_recorded(name):
    found = asdict(ENGINES[name]())
    assert without_versions(found) == without_versions(RECORD[name]), "renew it: python -m checks browsers --write"


def as_recorded(line):
    """Return a recorded header as diagnose sends it."""
    line = re.sub(r"(?i)^(accept-encoding: ).*", rf"\g<1>{ENCODINGS}", line.replace("Headless", ""))
    line = re.sub(r"(Chrome/\d+)\.[\d.]+", r"\1.0.0.0", line)
    line = re.sub(r"(?i)^(accept-language: en-US),en.*", r"\1,en;q=0.9", line)
    return line.replace('"Chrome"', '"Google Chrome"')


def sent(template, scheme, **values):
    target = Target(ORIGIN.replace("https", scheme))
    cookie = ("cookie" if template is HTTP2 else "Cookie", "session=recorded")
    user = (cookie,) if template is not PAGE else ()
    pairs = filled(template, target, user, path="/dip/websocket?sessionId=recorded", **values)
    return [f"{name}: {value}" for name, value in pairs]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("kind", "template"), [("page", PAGE), ("fetch", FETCH), ("handshake", HANDSHAKES[""])])
def test_diagnose_sends_the_headers_of_chromium(kind, template, scheme):
    recorded = RECORD["Chromium"]["requests"][scheme][kind]
    assert sent(template, scheme, key="KEY", protocols="dummy") == list(map(as_recorded, recorded))


def test_diagnose_sends_the_http2_headers_of_chromium():
    recorded = RECORD["Chromium"]["requests"]["http2"]["handshake"]
    assert sent(HTTP2, "https", protocols="dummy") == list(map(as_recorded, recorded))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("family", "name"), [("firefox", "Firefox"), ("safari", "WebKitGTK")])
def test_diagnose_sends_the_handshake_of_a_family(family, name, scheme):
    recorded = list(map(as_recorded, RECORD[name]["requests"][scheme]["handshake"]))
    ours = sent(HANDSHAKES[family], scheme, key="KEY", protocols="dummy")
    intended = {"firefox": "Connection: Upgrade", "safari": recorded[0]}[family]
    assert [line for line in recorded if line not in ours] == [intended]
    changed = {"firefox": "Connection: keep-alive, Upgrade", "safari": ours[0]}[family]
    assert ours == [changed if line == intended else line for line in recorded]


def test_the_tunnel_request_has_the_headers_of_chromium():
    target = Target(ORIGIN)
    ours = ["Host: dss.example.com:443", "Proxy-Connection: keep-alive", f"User-Agent: {user_agent(target)}"]
    recorded = [as_recorded(line) for line in RECORD["Chromium"]["tunnel"]]
    assert [line.replace("dss.example.com:443", "dss.example.com") for line in ours] == recorded


def test_a_header_of_the_user_replaces_that_of_the_browser():
    target = Target(ORIGIN, headers={"user-agent": "mine"})
    user = tuple(target.headers.items())
    values = dict(filled(HANDSHAKES["firefox"], target, user, key="KEY"))
    assert values["User-Agent"] == "mine"
    assert "user-agent" not in values
    assert user_agent(target) == "mine"


def rows():
    """Return the rows of the table on the page about browsers, from the record."""

    def handshake(name, server="https"):
        return dict(line.split(": ", 1) for line in RECORD[name]["requests"][server]["handshake"])

    def cell(text):
        return f"`{text}`" if text else "not sent"

    yield ["Over HTTPS", *(RECORD[name]["version"] for name in RECORD)]
    for header in ("Connection", "Sec-WebSocket-Extensions", "Accept", "Sec-Fetch-Mode", "Sec-Fetch-Dest"):
        yield [f"`{header}`", *(cell(handshake(name).get(header)) for name in RECORD)]
    yield ["first header", *(cell(next(iter(handshake(name)))) for name in RECORD)]
    yield ["WebSocket over HTTP/2", *("yes" if ":protocol" in handshake(name, "http2") else "no" for name in RECORD)]
    yield ["a 101 without the subprotocol", *("rejected" if RECORD[name]["console"]["no subprotocol"] else "accepted" for name in RECORD)]  # fmt: skip  # noqa: E501


def test_the_page_about_browsers_has_the_recorded_differences():
    page = (RESULTS.parents[1] / "docs" / "reference" / "browsers.md").read_text()
    for row in rows():
        assert f"| {' | '.join(row)} |" in page, "correct the table"
