"""Reach DSS through a forward proxy."""

from checks.lab.forward import can_inspect
from checks.lab.process import NotInstalledError
from checks.lab.proxy import proxy
from checks.lab.recipe import RECIPES as FOLDER
from support.machine import RECIPES

PORT, WEBSOCKET, EXEMPT = (FOLDER / "squid" / f"{name}.conf" for name in ("port", "websocket", "exempt"))
"""Settings of Squid: a port for tunnels, WebSocket under TLS inspection, no TLS inspection for DSS."""

INSPECTED = {
    "trusted": ([PORT], ["site", "company"], "tls-interception"),
    "not trusted": ([PORT], ["site"], "tls-interception"),
    "passing WebSocket, trusted": ([PORT, WEBSOCKET], ["site", "company"], "works"),
    "passing WebSocket, not trusted": ([PORT, WEBSOCKET], ["site"], "tls-interception"),
    "with DSS exempt": ([PORT, EXEMPT], ["site"], "works"),
}
"""For each case with TLS inspection: settings, trusted authorities, and the cause or `works`."""


def able_to_inspect(build):
    """Return a build of Squid that can inspect TLS.

    Raises NotInstalledError if it was compiled without OpenSSL.
    """
    if not can_inspect(build):
        raise NotInstalledError(f"Squid {build.version} with OpenSSL")
    return build


def https_site(dss, address=None):
    """Run the newest nginx with the published config for HTTPS."""
    recipe = RECIPES["nginx"]
    return proxy(recipe, recipe.newest(), recipe.config(https=True), dss, address=address)
