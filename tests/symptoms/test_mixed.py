"""Texts as people paste them: broken, quoted, or within other output."""

import html
import json
import time

import pytest

from checks import symptoms
from checks.cli.explain import as_json, lines_of

SECRET = "s3cr3t-tok"
URL = f"wss://dss.example.com/dip/websocket/?sessionId={SECRET}&t=abc"
LINE = f"WebSocket connection to '{URL}' failed: Error during WebSocket handshake: Unexpected response code: 400"
NOISE = [
    f"[2026/11/27-10:{n % 60:02}:00.{n % 1000:03}] [INFO] step {n} finished, status 200, {n} rows" for n in range(2000)
]


def broken(width):
    return "\n".join(LINE[place : place + width] for place in range(0, len(LINE), width))


def har():
    request = {"method": "GET", "url": URL, "headers": [{"name": "Cookie", "value": f"JSESSIONID={SECRET}"}]}
    return json.dumps({"request": request, "response": {"status": 400, "statusText": "Bad Request"}})


PASTED = {
    "broken at 80 columns": broken(80),
    "broken at 40 columns": broken(40),
    "broken at 33 columns": broken(33),
    "Windows line ends": broken(40).replace("\n", "\r\n"),
    "HTML": f"<pre><code>{html.escape(LINE)}</code></pre>",
    "Markdown": f"Hi,\nsince today:\n```text\n{LINE}\n```",
    "Jira": f"{{code:java}}\n{LINE}\n{{code}}",
    "e-mail": "\n".join(f"> > {line}" for line in broken(72).split("\n")),
    "Slack": f"Ada  10:42 AM\n{LINE}\n:eyes: 2",
    "JSON": json.dumps({"message": LINE}),
    "HAR": har(),
    "other output around it": "\n".join([*NOISE[:1000], LINE, *NOISE[1000:]]),
    "another WebSocket before it": f"WebSocket connection to 'ws://localhost:1/' failed: net::ERR_FAILED\n{LINE}",
}


@pytest.mark.parametrize("text", PASTED.values(), ids=PASTED)
def test_a_pasted_line_is_read_and_shows_no_secret(text):
    answer = symptoms.read(text)
    assert answer.readings[0].causes[0] == "upgrade-not-forwarded"
    assert SECRET not in "\n".join(lines_of(answer))
    assert SECRET not in json.dumps(as_json(answer))


@pytest.mark.parametrize(
    "text",
    [f"curl '{URL}' -H 'Upgrade: websocket' -H 'Cookie: a={SECRET}'", "pip install --upgrade pip", "apt upgrade"],
)
def test_a_command_names_no_cause(text):
    assert not any(reading.causes for reading in symptoms.read(text).readings)


def test_other_output_costs_little_beside_the_line():
    def cost(text):
        start = time.process_time()
        symptoms.read(text)
        return time.process_time() - start

    short = "\n".join([*NOISE[:20], LINE])
    cost(short)
    # Every line of an entry is searched at most once more than the whole entry.
    assert min(cost("\n".join([*NOISE, LINE])) for _ in range(3)) < 400 * min(cost(short) for _ in range(3))
