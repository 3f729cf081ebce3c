"""Detect an idle timeout."""

from __future__ import annotations

from checks.evidence import NO_PONG, HoldResult
from checks.findings.advice import RESTART, TIMEOUTS
from checks.findings.facts import Facts
from checks.findings.rule import Rule

DEFAULTS = {
    30: "the timeout of a Google Cloud backend service",
    60: "nginx, Apache httpd, Varnish, lighttpd, or an AWS Application or Classic Load Balancer",
    100: "Cloudflare",
    120: "Cloudflare",
    300: "Envoy, or Azure Front Door",
    350: "an AWS Network Load Balancer",
    600: "AWS CloudFront",
    900: "Squid",
}
"""Default idle timeouts, in seconds; the page about load balancers has the sources."""

CLOSES = (
    "look for an idle timeout in the server and in gateways that read messages, because the close frame comes from one"
    " of these"
)
"""The advice where a close frame arrives, and pings prevent it."""

EARLY_S, LATE_S = 0.5, 1.5
"""Seconds by which a drop may differ from the setting: Envoy, for one, takes a second longer."""


def detect(facts: Facts) -> str | None:
    """Look for an idle WebSocket that drops while one with pings stays open."""
    pair = facts.held_pair
    if not pair or pair.idle.close_code or not pair.pings_kept_it_open:
        return None
    idle, pinged = pair.idle, pair.pinged
    return (
        f"expected an idle WebSocket to stay open, but {_drop(idle)};"
        f" with a ping every {pinged.ping_every:.2g} s, another stayed open for {pinged.seconds:.0f} s"
        f"{'' if idle.found_by_ping else _default(idle.seconds)}"
    )


def suspect(facts: Facts) -> str | None:
    """Look for an idle WebSocket that drops, where pings may help."""
    if not facts.idle_dropped:
        return None
    if facts.held_pair and facts.held_pair.pings_kept_it_open:
        return CLOSES
    return TIMEOUTS if facts.all_dropped_in_time else RESTART


def _drop(idle: HoldResult) -> str:
    """Return how an idle WebSocket dropped, and when."""
    if idle.error.startswith(NO_PONG):
        return f"after {idle.seconds:.1f} s one stopped responding, although it was not closed ({idle.error})"
    if idle.found_by_ping:
        return f"after {idle.seconds:.1f} s one no longer worked ({idle.error})"
    return f"it dropped without a close frame after {idle.seconds:.1f} s"


def _default(seconds: float) -> str:
    """Return which products have this idle timeout by default."""
    near = [
        f"{limit} s is the default of {product}"
        for limit, product in DEFAULTS.items()
        if -EARLY_S < seconds - limit < LATE_S
    ]
    return f"; {' and '.join(near)}" if near else ""


RULE = Rule(
    __name__,
    title="An idle timeout closes the WebSocket",
    hop="any",
    symptom="Works, and loses the connection after a minute or more without activity",
    summary="A hop closes the WebSocket if it is idle for too long",
    fix=(
        "raise the idle timeout of the proxy in front of DSS, and of every other hop, above 120 s; most of our configs "
        "set 3600 s. Look for proxy_read_timeout in nginx, ProxyTimeout in Apache httpd, timeout tunnel in "
        "HAProxy"
    ),
    detect=detect,
    suspect=suspect,
)
