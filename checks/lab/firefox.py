"""Run headless Firefox with WebDriver BiDi.

That is a protocol of JSON messages on a WebSocket.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from .process import SCALE, LabError, Process, running, workspace, writing_to
from .programs import program

PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.region.network.url": "",
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "network.trr.mode": 5,
    "network.websocket.delay-failed-reconnects": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "",
}
"""Preferences that keep Firefox from sending its own requests, and from waiting after a failed handshake."""

TIMEOUT = 30 * SCALE
"""Seconds for the response to one command."""


@functools.cache
def firefox_version() -> str:
    """Return the name and version; raise NotInstalledError if it is not installed."""
    with workspace() as home:
        command, env = [str(program("firefox")), "--version"], environment(home)
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    number = re.search(r"\d+(\.\d+)+", done.stdout)
    return f"Firefox {number.group() if number else 0}"


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which the browser writes its files to `home`."""
    return {**writing_to(home), "MOZ_CRASHREPORTER_DISABLE": "1"}


class Firefox:
    """A running Firefox, and its one tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._ids = connection, itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self.command("session.subscribe", events=["log.entryAdded"])
        self.tab: str = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method: str, **parameters: Any) -> Any:
        """Send a command, and return its result; events that arrive meanwhile are kept.

        Raises LabError if the command fails.
        """
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(TIMEOUT))
            if message.get("id") == number:
                break
            self.events.append(message)
        if message["type"] == "error":
            raise LabError(f"Firefox: {method}: {message['message']}")
        return message["result"]

    def open(self, url: str) -> None:
        """Load a page, and wait until it is complete."""
        self.command("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def console(self) -> list[str]:
        """Return the lines in the console so far."""
        self.command("session.status")  # so that all events before it are here
        return [str(event["params"]["text"]) for event in self.events if event["method"] == "log.entryAdded"]

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page.

        The value, or that of its promise, is a string.
        """
        done = self.command("script.evaluate", expression=expression, target={"context": self.tab}, awaitPromise=True)
        if done["type"] != "success":
            raise LabError(f"Firefox: {done['exceptionDetails']['text']}")
        return done["result"].get("value")


@contextlib.contextmanager
def started(preferences: Mapping[str, object], *options: str) -> Iterator[tuple[Path, Process]]:
    """Run headless Firefox for the length of the block; yield its folder and process.

    The folder is that of its profile.
    `preferences` come on top of PREFERENCES. They are strings, numbers or booleans.

    Raises NotInstalledError if Firefox is not installed.
    """
    path = program("firefox")
    with workspace() as home:
        wanted = {**PREFERENCES, **preferences}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in wanted.items()]
        (home / "user.js").write_text("".join(lines))
        command: list[str | Path] = [path, "--headless", "--no-remote", "--profile", home, *options]
        with running(command, home, "firefox", environment(home)) as process:
            yield home, process


@contextlib.contextmanager
def launch_firefox(host: str = "") -> Iterator[Firefox]:
    """Run Firefox for the length of the block.

    For this Firefox, `host` is a name of this computer.

    Raises NotInstalledError if it is not installed.
    """
    with started({"network.dns.localDomains": host}, "--remote-debugging-port", "0") as (_, process):
        url = process.wait_for(r"WebDriver BiDi listening on (ws://\S+)\n", 60)[1]
        with connect(f"{url}/session", max_size=None, proxy=None) as connection:
            yield Firefox(connection)
