"""Record what real browsers send: for a page, a fetch, a handshake, and a tunnel."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .chromium import NO_OWN_REQUESTS, chromium, chromium_version, environment, launch, no_sandbox
from .firefox import firefox_version, launch_firefox
from .process import ROOT, SCALE, LabError, OptionalError, Progress, running, workspace
from .recorder import DONE, FAULTS, HEALTH_CHECK, SOCKET, Headers, Recorder, recorder
from .webkit import host_name, opened_in_webkit, webkit_version

RESULTS = ROOT / "checks" / "browsers.json"

HOST = "dss.example.com"
"""The host name in the record."""

KINDS = {"page": "/", "fetch": HEALTH_CHECK, "handshake": SOCKET}
"""The path of each kind of request."""

SERVERS = ("http", "https", "http2")
TIMEOUT = 30 * SCALE
"""Seconds for one browser to load the page and do what it asks for."""


@dataclass(frozen=True)
class Recorded:
    """What one browser sent and printed."""

    version: str
    """Its name and version."""
    requests: Mapping[str, Mapping[str, list[str]]]
    """The headers of each kind of request, in order, by server (http, https, http2)."""
    tunnel: list[str]
    """The headers of CONNECT; empty where that was not tried."""
    console: Mapping[str, str]
    """What the browser prints for each wrong response to a handshake; "" if it accepts the response."""


def record_chromium() -> Recorded:
    """Record headless Chromium.

    Its command line opens the page, so that no driver changes its headers.

    Raises NotInstalledError.
    """
    rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1"
    with recorder(HOST) as server:
        for name in SERVERS:
            _open_in_chromium(server, name, _url(server, name, HOST), rules)
        with launch(rules, "--ignore-certificate-errors") as browser:
            lines: list[str] = []
            page = browser.new_page()
            page.on("console", lambda message: lines.append(message.text))
            with page.expect_request(lambda request: request.url.endswith(DONE), timeout=TIMEOUT * 1000):
                page.goto(f"{_url(server, 'https', HOST)}#faults")
            with page.expect_console_message(lambda message: message.text == "end"):  # all others arrive before it
                page.evaluate("console.log('end')")
    with recorder(HOST) as proxy:
        _open_in_chromium(proxy, "http", f"https://{HOST}/", f"--proxy-server=127.0.0.1:{proxy.ports['http']}")
    return _recorded(chromium_version(), server, proxy.requests["http"]["CONNECT"], lines)


def _open_in_chromium(server: Recorder, name: str, url: str, *options: str) -> None:
    """Open a page until it is done."""
    with workspace() as home:
        own = [*no_sandbox(), *NO_OWN_REQUESTS, "--accept-lang=en-US,en", "--ignore-certificate-errors"]
        start = ["--headless", "--remote-debugging-port=0", f"--user-data-dir={home}"]
        with running([chromium(), *start, *own, *options, url], home, "chromium", environment(home)) as process:
            process.wait_until(server.done[name].is_set, TIMEOUT)


def record_firefox() -> Recorded:
    """Record headless Firefox.

    Raises NotInstalledError.
    """
    with recorder(HOST) as server, launch_firefox(HOST) as firefox:
        for name in SERVERS:
            firefox.open(f"{_url(server, name, HOST)}{'#faults' if name == 'https' else ''}")
            if not server.done[name].wait(TIMEOUT):
                raise LabError(f"Firefox did not finish the page over {name}")
        lines = firefox.console()
    return _recorded(firefox_version(), server, [], lines)


def record_webkit() -> Recorded:
    """Record WebKitGTK on a virtual display.

    Raises OptionalError.
    """
    host, printed = host_name(), ""
    with recorder(host) as server:
        for name in SERVERS:
            url = f"{_url(server, name, host)}{'#faults' if name == 'https' else ''}"
            with opened_in_webkit(url) as process:
                try:
                    process.wait_until(lambda: DONE in process.output(), TIMEOUT)
                except LabError as error:  # such as a display without a session, or no processor time left
                    raise OptionalError(f"WebKitGTK did not load a page in {TIMEOUT:.0f} s") from error
                printed += process.output()
    return _recorded(webkit_version(), server, [], printed.splitlines(), host)


ENGINES: Mapping[str, Callable[[], Recorded]] = {
    "Chromium": record_chromium,
    "Firefox": record_firefox,
    "WebKitGTK": record_webkit,
}


def record(progress: Progress) -> dict[str, Any]:
    """Return the record of every browser that is installed, for RESULTS."""
    found = {}
    for name, engine in ENGINES.items():
        try:
            found[name] = asdict(engine())
        except OptionalError as error:
            progress(str(error))
    return {"recorded": time.strftime("%Y-%m-%d"), "browsers": found}


def _url(server: Recorder, name: str, host: str) -> str:
    return f"http{'' if name == 'http' else 's'}://{host}:{server.ports[name]}/"


def _recorded(version: str, server: Recorder, tunnel: Headers, lines: Iterable[str], host: str = HOST) -> Recorded:
    """Return the record, without what differs from run to run: the port, the key."""
    requests = {
        name: {kind: _without_chance(server.requests[name][path], host) for kind, path in KINDS.items()}
        for name in SERVERS
    }
    assert all(DONE in server.requests[name] for name in SERVERS)
    console = {fault: _line(path, lines, host) for fault, path in FAULTS.items()}
    return Recorded(version, requests, _without_chance(tunnel, host), console)


def _line(path: str, lines: Iterable[str], host: str) -> str:
    """Return the line about one WebSocket, with the host name of the record."""
    found = next((line for line in lines if re.search(rf"{path}(?!\w)", line)), "")
    return re.sub(rf"{re.escape(host)}:\d+", HOST, found)


def _without_chance(headers: Headers, host: str) -> list[str]:
    """Return headers as lines, without the port and the key of the handshake."""
    lines = [f"{name}: {'KEY' if name.lower() == 'sec-websocket-key' else value}" for name, value in headers]
    return [re.sub(rf"(?<=[ /]){re.escape(host)}:\d+", HOST, line) for line in lines]
