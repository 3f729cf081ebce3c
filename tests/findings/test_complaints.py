"""What servers report about a changed handshake is read, whatever else they send."""

import html
import random

import pytest
from support.evidence import handshakes, observed, response

from checks.evidence import Response
from checks.findings import diagnose
from checks.findings.complaints import ANY, CONNECTION, EITHER, HTTP_1_0, KEY, PHRASES, UPGRADE, VERSION, complaint

CAUSES = {
    CONNECTION: "upgrade-not-forwarded",
    UPGRADE: "upgrade-not-forwarded",
    EITHER: "upgrade-not-forwarded",
    KEY: "handshake-header-mangled",
    VERSION: "handshake-header-mangled",
    ANY: "handshake-header-mangled",
    HTTP_1_0: "http-1-0-upstream",
}


def in_curly_quotes(text):
    return text.replace("'", "\u2019")


def in_markup(text):
    return f"<html><title>400 Bad Request</title><body>\n<p>{html.escape(text)}</p></body></html>"


def in_json(text):
    return '{"status": 400, "error": "' + text.replace("'", '\\"') + '"}'


SPELLINGS = [str, str.upper, str.title, in_curly_quotes, in_markup, in_json, "websocket: {}, got none".format]


def unread(responses):
    """Return the phrases whose response is not read as a complaint about it."""
    found = {phrase.text: complaint(each) for phrase, each in responses}
    return [phrase.text for phrase in PHRASES if not found[phrase.text] or found[phrase.text].header != phrase.header]


@pytest.mark.parametrize("spelled", SPELLINGS, ids=[getattr(each, "__name__", "in a sentence") for each in SPELLINGS])
def test_a_phrase_is_read_in_any_spelling(spelled):
    assert unread((phrase, Response(400, "Bad Request", body=spelled(phrase.text))) for phrase in PHRASES) == []


def test_a_phrase_in_the_reason_is_read():
    assert unread((phrase, Response(400, phrase.text)) for phrase in PHRASES) == []


@pytest.mark.parametrize("plain", [response(200, "<html>"), response(404), response(426)], ids=str)
def test_a_phrase_proves_exactly_its_cause(plain):
    for phrase in PHRASES:
        diagnosis = diagnose(observed(handshakes(response(400, phrase.text), plain)))
        assert [finding.id for finding in diagnosis.findings] == [CAUSES[phrase.header]], phrase
        assert phrase.text[:40] in diagnosis.findings[0].proof, phrase


def test_a_page_that_succeeds_may_contain_a_phrase():
    assert [phrase for phrase in PHRASES if complaint(Response(200, "OK", body=phrase.text))] == []


def test_each_phrase_is_lower_case_and_has_a_source():
    assert [phrase for phrase in PHRASES if "/" not in phrase.source and "public" not in phrase.source] == []
    assert [phrase.text for phrase in PHRASES if phrase.text != phrase.text.lower()] == []


OTHER_SERVERS = {
    "Missing header: Upgrade": UPGRADE,
    "The request is missing the required Connection header": CONNECTION,
    "Header `Connection` must include `Upgrade`": CONNECTION,
    "Hop-by-hop header Connection missing": CONNECTION,
    "Connection header was not set to Upgrade": CONNECTION,
    "invalid Connection header (expected 'upgrade', got 'close')": CONNECTION,
    "ws: request lacks 'Upgrade: websocket'": UPGRADE,
    "Bad Request: expected Connection=Upgrade": CONNECTION,
    "Sec-WebSocket-Key is required": KEY,
    "unsupported Sec-WebSocket-Version": VERSION,
    "WebSocket requires HTTP/1.1": HTTP_1_0,
    "HTTP/1.0 clients are not supported": HTTP_1_0,
    "Unsupported HTTP version": HTTP_1_0,
}
"""The words of servers that have no phrase of their own, and what they miss."""


@pytest.mark.parametrize(("words", "header"), OTHER_SERVERS.items(), ids=OTHER_SERVERS)
def test_the_words_of_other_servers_are_read(words, header):
    found = complaint(Response(400, body=words))
    assert found, f"expected {header}, got nothing"
    assert found.header == header


OTHER_MEANINGS = [
    "Upgrade Required",
    "The Upgrade header is not allowed",
    "Upgrade header not supported",
    "no upgrade",
    "no key",
    "Connection refused",
    "Invalid connection",
    "no connection to the database",
    "Connection must be closed",
    "Please upgrade your browser. A connection is required.",
    "Request Header Or Cookie Too Large",
    "Not a WebSocket request",
    "Bad Request",
    "The plain HTTP request was sent to HTTPS port",
    "Cross origin websockets not allowed",
]
"""Words that resemble a complaint, and are about something else."""


@pytest.mark.parametrize("words", OTHER_MEANINGS)
def test_other_words_are_not_a_complaint(words):
    assert complaint(Response(400, "Bad Request", body=words)) is None


@pytest.mark.parametrize("seed", range(20))
def test_random_words_never_raise(seed):
    chance = random.Random(seed)
    words = [
        "missing",
        "Connection",
        "header",
        "'",
        '"',
        "<p>",
        "&quot;",
        "\x00",
        "\n",
        "http/1.0",
        "upgrade:",
        "\ud7ff",
    ]
    body = " ".join(chance.choices(words, k=300))
    found = complaint(Response(400, body=body))
    assert found is None or found.header in CAUSES
