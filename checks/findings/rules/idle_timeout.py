"""Detect an idle timeout."""

from __future__ import annotations

from checks.findings.advice import TIMEOUTS
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

EARLY_S, LATE_S = 0.5, 1.5
"""Seconds by which a drop may differ from the setting: Envoy, for one, takes a second longer."""


def detect(facts: Facts) -> str | None:
    """Look for an idle WebSocket that drops while one with pings stays open."""
    idle, pinged = facts.evidence.hold(pings=False), facts.evidence.hold(pings=True)
    if not (idle and pinged and idle.dropped and not idle.close_code):
        return None
    # Until its first ping, the other one is idle too, and would have dropped as well.
    if pinged.dropped or not pinged.ping_every < idle.seconds <= pinged.seconds:
        return None
    return (
        f"expected an idle WebSocket to stay open, but it dropped without a close frame after {idle.seconds:.1f} s;"
        f" with a ping every {pinged.ping_every:g} s, another stayed open for {pinged.seconds:.0f} s"
        f"{_default(idle.seconds)}"
    )


def suspect(facts: Facts) -> str | None:
    """Look for two WebSockets that drop at the same age, before any ping."""
    return TIMEOUTS if facts.dropped_before_a_ping else None


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
    summary="A hop closes the WebSocket if it is idle for too long",
    fix=(
        "raise the idle timeout of the proxy in front of DSS, and of every other hop, above 120 s; our configs "
        "set 3600 s"
    ),
    detect=detect,
    suspect=suspect,
)
