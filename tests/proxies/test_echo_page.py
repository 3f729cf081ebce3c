"""The page of `checks echo` in Chromium, behind proxies with a mistake."""

import contextlib
import queue
import threading
from pathlib import Path

import axe_playwright_python
import pytest
from support.byte_relay import relaying
from support.echo import CONFIGS, one_path, running_echo
from support.forward import PORT
from support.machine import RECIPES

from checks.lab.chromium import chromium_version
from checks.lab.forward import can_inspect, forward
from checks.lab.process import NotInstalledError
from checks.lab.proxy import proxy

pytestmark = pytest.mark.xdist_group("browser")

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
HOLD = "8"
LINK = "/websocket-test/"
UPGRADE = "upgrade-not-forwarded"

BEHIND = {
    **{name: ((name,), "WebSocket works", []) for name in CONFIGS},
    "nginx, no Upgrade": (
        ("nginx", UPGRADE),
        "The proxy drops Upgrade or Connection",
        ["expected Upgrade: websocket and Connection: Upgrade, got no Upgrade", "Upgrade: (none)  <- the browser sent"],
    ),
    "haproxy, no Upgrade": (
        ("haproxy", UPGRADE),
        "The proxy drops Upgrade or Connection",
        ["(upgrade-not-forwarded)", "Who: the DSS administrator"],
    ),
    "caddy, DSS only": (
        ("caddy", UPGRADE),
        "The test works, and DSS does not",
        ["FAIL WebSocket of DSS itself: failed"],
    ),
    "apache, HTTP/1.0": (
        ("apache", "http-1-0-upstream"),
        "The proxy speaks HTTP/1.0 to DSS",
        ["expected HTTP/1.1, got HTTP/1.0 with no Upgrade and no Connection"],
    ),
    "haproxy, another Host": (
        ("haproxy", "host-not-preserved"),
        "The proxy does not preserve the Host header",
        ["expected Host: localhost:", "the server rejected its Origin"],
    ),
    "haproxy, idle timeout": (
        ("haproxy", "", [("timeout tunnel 1h", "timeout tunnel 4s")]),
        "An idle timeout closes the WebSocket",
        ["with messages it stayed open", "Kept open without messages: closed after 4"],
    ),
    "nginx, refuses handshakes": (
        ("nginx", "", [("client_max_body_size 0;", "client_max_body_size 0; if ($http_upgrade) { return 401; }")]),
        "The handshake does not reach the server",
        ["(auth-on-handshake)", "arrived     no handshake"],
    ),
    "nginx, a policy": (("nginx", "csp-blocks"), "A Content-Security-Policy blocks the WebSocket", []),
    "haproxy, a damaged response": (
        ("haproxy", "handshake-header-mangled"),
        "The response to the handshake is lost",
        ["(handshake-header-mangled)", "The handshake arrived and was accepted"],
    ),
    "traefik, DSS only": (("traefik", UPGRADE), "The test works, and DSS does not", ["FAIL WebSocket of DSS itself"]),
}
"""For each proxy in front of one path: the mistake, the title on the page, and texts on the terminal."""


FORWARD = {
    "a tunnel to another port": (
        "The handshake does not reach the server",
        ["WebSocket of another visitor opened", "(connect-denied)", "Who: your network team", "no handshake"],
    ),
    "TLS inspection": (
        "A proxy on this network blocks WebSocket",
        ["(tls-interception)", "Who: your network team or your IT support", "Upgrade: (none) <- the browser sent"],
    ),
}
"""The same for visitors behind a Squid that refuses tunnels to this port, and behind one that inspects TLS."""


def lines_of(process):
    """Return a queue that gets what a process prints."""
    found = queue.SimpleQueue()
    threading.Thread(target=lambda: [*map(found.put, iter(process.stdout.readline, "")), found.put("")]).start()
    return found


def opened(stack, browser, url, **options):
    """Open the link in a context of its own."""
    context = stack.enter_context(browser.new_context(ignore_https_errors=True, **options))
    context.add_cookies([{"name": "session", "value": "planted-secret", "url": url}])
    page = context.new_page()
    page.goto(url, wait_until="commit")
    return page


def ended(page):
    """Wait for the end of the test; return title, whole text and message."""
    page.locator("#now", has_text="The test has ended.").wait_for(timeout=60_000)
    text = page.locator("main").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return page.locator("#title").inner_text(), text, page.locator(".message textarea").input_value()


def through(company):
    return {"proxy": {"server": company.url, "bypass": "<-loopback>"}}


def visit_through_forward_proxies(stack, browser, bare, site, plain):
    """Open two links through two forward proxies at once."""
    build = RECIPES["squid"].newest()
    if not can_inspect(build):
        raise NotInstalledError(f"Squid {build.version} with OpenSSL")
    tunnels = stack.enter_context(forward(build, bare))
    inspects = stack.enter_context(forward(build, site, PORT, inspects=True))
    urls = dict(zip(FORWARD, (plain, site.origin + LINK), strict=True))
    companies = (tunnels, inspects)
    pages = [opened(stack, browser, url, **through(each)) for url, each in zip(urls.values(), companies, strict=True)]
    return urls, {name: ended(page) for name, page in zip(urls, pages, strict=True)}


@pytest.mark.proves("echo-page-names-the-mistake")
def test_the_page_names_each_mistake_at_both_ends(browser, bare, record_property):
    """The page of `echo` and its terminal name each mistake."""
    record_property("on", chromium_version())
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(running_echo("--hold", HOLD))
        printed = lines_of(echo.process)
        expected = {name: (title, texts) for name, (_, title, texts) in BEHIND.items()}
        urls = {}
        for name, (config, _, _) in BEHIND.items():
            urls[name] = stack.enter_context(one_path(config[0], bare, echo, *config[1:])).origin + LINK
        secure = stack.enter_context(one_path("nginx", bare, echo, https=True))
        traefik = stack.enter_context(one_path("traefik", bare, echo, https=True))
        for name, each in {"nginx, HTTPS": secure, "traefik, HTTPS": traefik}.items():
            urls[name], expected[name] = each.origin + LINK, ("WebSocket works", ["loaded over HTTPS"])
        everything = RECIPES["nginx"].variant("upgrade-wrong-location")
        site = stack.enter_context(proxy(RECIPES["nginx"], RECIPES["nginx"].pick(everything), everything, echo))
        urls["everything"] = f"{site.origin}/"
        expected["everything"] = "The proxy forwards Upgrade for some URLs only", ["WebSocket of a notebook: failed"]
        for name, options in {"size": {"most": 600_000}, "slow": {"rate": 300_000}, "mute": {"mute": True}}.items():
            urls[name] = f"http://localhost:{stack.enter_context(relaying(echo.port, **options))}{LINK}"
        expected["size"] = "A message size limit closes the WebSocket", ["one of 1 MB closed the WebSocket"]
        expected["slow"] = "WebSocket works", ["Messages up to 4 MB"]
        expected["mute"] = "A proxy buffers WebSocket messages", ["it arrived, and the reply did not come back"]
        pages = {
            name: opened(stack, browser, url, viewport={"width": 360, "height": 700}) for name, url in urls.items()
        }
        shown = {name: ended(page) for name, page in pages.items()}
        for name in ("nginx", "nginx, no Upgrade", "nginx, refuses handshakes"):
            pages[name].evaluate(AXE.read_text(encoding="utf-8"))
            assert (
                pages[name].evaluate("axe.run({resultTypes: ['violations']}).then(({ violations }) => violations)")
                == []
            )
        more = visit_through_forward_proxies(stack, browser, bare, secure, urls["nginx"])
        echo.process.terminate()
        terminal = "".join(iter(printed.get, ""))
    urls, shown, expected = urls | more[0], shown | more[1], expected | FORWARD
    assert {name: title for name, (title, _, _) in shown.items()} == {
        name: title for name, (title, _) in expected.items()
    }
    blocks = terminal.split("--- visitor ")[1:]
    for name, (title, texts) in expected.items():
        if name == "nginx, a policy":  # which lets nothing through, so only the page knows
            continue
        found = [" ".join(each.split()) for each in blocks if urls[name] in each.split() and title in each]
        assert len(found) == 1, f"{name}: expected one report with {title!r}, got {len(found)}"
        (block,) = found
        assert [text for text in texts if " ".join(text.split()) not in block] == []
        assert "Cookie: 22 bytes, not shown" in block or "no handshake" in block
        assert title in shown[name][2]
    assert "planted-secret" not in terminal
