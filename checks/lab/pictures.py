"""Take the pictures of the site: the error, and the consoles of real browsers."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image
from playwright.sync_api import Browser

from .chromium import NO_OWN_REQUESTS, chromium, environment, launch, no_sandbox
from .firefox import started
from .process import ROOT, LabError, running, workspace
from .proxy import proxy
from .recipe import recipes
from .standin import stand_in

FOLDER = ROOT / "_images"
HOST = "dss.example.com"
"""The host name in the consoles."""

SHOWN = "document.body.dataset.state == 'failed'"
HEIGHT = 130
"""The height of a console in pixels of the page; its width is that of the text of a page."""

SHARP = 2
"""Pixels of a picture for each pixel of the page."""


@contextmanager
def broken() -> Iterator[str]:
    """Run the stand-in behind an nginx that drops Upgrade; yield the origin."""
    recipe = recipes()["nginx"]
    config = recipe.variant("upgrade-not-forwarded")
    # The lab replaces the host name, and the consoles show it.
    named = recipe.text(config).replace(f"server_name {HOST}", f"server_name {HOST} ~^dss\\.example\\.com$")
    with stand_in() as dss, proxy(recipe, recipe.pick(config), config, dss, changed={config: named}) as site:
        yield site.origin


def smaller(png: bytes) -> bytes:
    """Return a picture as lossless WebP, which is smaller."""
    written = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(written, "WEBP", lossless=True, quality=100, method=6)
    return written.getvalue()


def error(browser: Browser, origin: str) -> bytes:
    """Return the error as a user sees it."""
    page = browser.new_page(viewport={"width": 760, "height": 400}, device_scale_factor=SHARP)
    page.goto(origin)
    page.wait_for_function(SHOWN)
    return page.screenshot()


def console_of_chromium(browser: Browser, origin: str) -> bytes:
    """Return the console of Chromium.

    A headless Chromium shows no developer tools, so another one opens its tools as a page.
    """
    port = origin.rpartition(":")[2]
    rules = f"--host-resolver-rules=MAP {HOST}:80 127.0.0.1:{port}"
    with workspace() as home:
        start = ["--headless", "--remote-debugging-port=0", f"--user-data-dir={home}", "--remote-allow-origins=*"]
        command: list[str | Path] = [chromium(), *start, *no_sandbox(), *NO_OWN_REQUESTS, rules, f"http://{HOST}/"]
        with running(command, home, "chromium", environment(home)) as process:
            place = f"127.0.0.1:{process.wait_for(r'DevTools listening on ws://[0-9.]+:([0-9]+)/', 60)[1]}"
            page = browser.new_page(viewport={"width": 760, "height": HEIGHT}, device_scale_factor=SHARP)
            page.goto(f"http://{place}/json/list")
            tab = next(each for each in json.loads(page.inner_text("body")) if each["type"] == "page")
            page.goto(f"http://{place}/devtools/devtools_app.html?ws={place}/devtools/page/{tab['id']}&panel=console")
            page.locator(".console-error-level", has_text="WebSocket").wait_for()
            return page.screenshot()


class Marionette:
    """A session of Marionette, a protocol of Firefox.

    Unlike WebDriver BiDi, it can open the developer tools.
    """

    def __init__(self, connection: socket.socket, stream: BinaryIO) -> None:
        self._connection, self._stream = connection, stream
        self._read()
        self.command("WebDriver:NewSession", {})
        self.command("Marionette:SetContext", {"value": "chrome"})

    def _read(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            byte = self._stream.read(1)
            if not byte:
                raise LabError("Firefox closed its Marionette connection")
            size += byte
        return json.loads(self._stream.read(int(size[:-1])))

    def command(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """Return the result of a command; raise LabError if it fails."""
        text = json.dumps([0, 1, name, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(text), text))
        _, _, failed, result = self._read()
        if failed:
            raise LabError(f"Firefox: {name}: {failed['message']}")
        return result

    def run(self, script: str, *arguments: object) -> Any:
        """Return what an asynchronous script passes to its last argument."""
        given = {"script": script, "args": arguments, "scriptTimeout": 60000}
        return self.command("WebDriver:ExecuteAsyncScript", given)["value"]


@contextmanager
def marionette(port: int) -> Iterator[Marionette]:
    """Connect to Firefox for the length of the block."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection, connection.makefile("rb") as stream:
        yield Marionette(connection, stream)


TOOLS = """const [url, done] = arguments;
(async () => {
    const { require } = ChromeUtils.importESModule("resource://devtools/shared/loader/Loader.sys.mjs");
    const { gDevTools } = require("devtools/client/framework/devtools");
    window.resizeTo(760, 620);
    const tab = gBrowser.selectedTab;
    const toolbox = await gDevTools.showToolboxForTab(tab, { toolId: "webconsole" });
    gBrowser.fixupAndLoadURIString(url, { triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal() });
    const output = toolbox.getCurrentPanel().hud.ui.outputNode;
    const wait = () => new Promise((resolve) => setTimeout(resolve, 100));
    while (!output.textContent.includes("establish a connection")) await wait();
    done(document.querySelector("[class^=devtools-toolbox]").getBoundingClientRect().top);
})().catch((error) => done(String(error)));"""


def as_png(image: Image.Image) -> bytes:
    """Return an image as a PNG file."""
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def console_of_firefox(_: Browser, origin: str) -> bytes:
    """Return the console of Firefox, which is at the bottom of its window."""
    preferences = {"network.dns.localDomains": HOST, "marionette.port": 0}
    preferences |= {"layout.css.devPixelsPerPx": str(SHARP), "browser.chrome.site_icons": False}
    with started(preferences, "--marionette", "--remote-allow-system-access") as (profile, process):
        listens = profile / "MarionetteActivePort"
        process.wait_until(listens.exists, 60)
        with marionette(int(listens.read_text())) as firefox:
            top = firefox.run(TOOLS, f"http://{HOST}:{origin.rpartition(':')[2]}/")
            if isinstance(top, str):
                raise LabError(f"Firefox did not show its console: {top}")
            png = firefox.command("WebDriver:TakeScreenshot", {"full": False, "hash": False})["value"]
    window = Image.open(io.BytesIO(base64.b64decode(png)))
    above = round(top * SHARP)
    return as_png(window.crop((0, above, window.width, above + HEIGHT * SHARP)))


PICTURES: Mapping[str, Callable[[Browser, str], bytes]] = {
    "websockets-1": error,
    "console-chromium": console_of_chromium,
    "console-firefox": console_of_firefox,
}


def pictures() -> Iterator[Path]:
    """Take each picture, and yield its path.

    Raises NotInstalledError if nginx or a browser is missing, and LabError if the lab does not start.
    """
    with broken() as origin, launch() as browser:
        for name, take in PICTURES.items():
            path = FOLDER / f"{name}.webp"
            path.write_bytes(smaller(take(browser, origin)))
            yield path
