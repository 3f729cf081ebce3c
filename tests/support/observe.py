"""Diagnose a running site as a user with an open notebook would."""

import asyncio
import functools
import ssl
from types import SimpleNamespace

from checks.lab.process import SCALE
from checks.probe import NOTIFICATIONS, Target, look
from support.machine import recipe_of
from support.reader import Reader

RESPONSE_TIMEOUT = {"handshake-unanswered": 5}
"""Seconds to wait for a response, by cause; other causes get 40 s, because a new kernel may start slowly."""

CHROMIUM_ERRORS = {
    "handshake-header-mangled": ["'Upgrade' header is missing", "'Upgrade' header is missing"],
    "host-not-preserved": ["Unexpected response code: 403"],
    "redirect-on-handshake": ["Unexpected response code: 301"],
    "upgrade-not-forwarded": ["Unexpected response code: 426", "Unexpected response code: 400"],
    "upgrade-wrong-location": ["Unexpected response code: 400"],
}
"""How the console errors of Chromium end, by cause: notifications first, then the kernel if that fails too."""


def evidence_of(site, config=None):
    """Return the evidence of a user who has signed in to Jupyter, if it responds.

    `config` is the config with the mistake, if the site runs another one in front of it.
    """
    config = config or site.config
    needs, reader = recipe_of(config).needs(config), Reader(site)
    if needs.bare or not responds(reader):
        return asyncio.run(look(Target(site.origin, tls=site.tls)))
    reader.log_in()
    # Cookies of other applications on the same domain can make the header this long.
    cookies = "; ".join(filter(None, [reader.cookie_header(), "sso=" + "x" * needs.cookies]))
    # A kernel completes its handshake only when it has started.
    target = Target(site.origin, {"Cookie": cookies}, site.tls, timeout=RESPONSE_TIMEOUT.get(config.stem, 40) * SCALE)
    return asyncio.run(look(target, sockets=(NOTIFICATIONS, kernel_of(site.dss.jupyter, site.dss.token))))


def responds(reader):
    """Tell whether DSS responds through the proxy, in the scheme of the URL."""
    try:
        return reader.request("/dip/api/ping")[0].status == 200
    except ssl.SSLError:
        return False


@functools.cache
def kernel_of(jupyter, token):
    """Return the WebSocket path of an idle kernel that all tests of a Jupyter share.

    It is started without any proxy, which may be broken. It ends with its Jupyter.
    """
    reader = Reader(SimpleNamespace(port=jupyter, http=jupyter, tls=None, dss=SimpleNamespace(token=token)))
    reader.log_in()
    return reader.start_kernel()
