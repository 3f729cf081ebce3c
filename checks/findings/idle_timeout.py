"""A proxy closes the socket when nothing is said for a while."""

from __future__ import annotations

from checks.evidence import Evidence
from checks.findings.proxy_reload import both_ended, same_age, same_moment

TITLE = "An idle timeout closes the WebSocket"
HOP = "any"
FIX = "raise the idle limit of the proxy in front of DSS, and of what is before it, above 120 s; our configs say 3600 s"

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
"""Seconds of silence after which these drop a socket unless told otherwise; sources on the page of load balancers."""

NEARLY = 1.5
"""Seconds by which a drop may differ from the setting: Envoy, for one, takes a second longer."""


def proof(evidence: Evidence) -> str | None:
    """Look for a silent socket that drops without a close frame while the one with pings stays open."""
    silent, pinged = evidence.hold(pings=False), evidence.hold(pings=True)
    if not (silent and pinged and silent.dropped and not silent.close_code):
        return None
    # Before its first ping the other one is as silent: a limit would have met it too.
    if pinged.dropped or not pinged.ping_every < silent.seconds <= pinged.seconds:
        return None
    return (
        f"dropped without a close frame after {silent.seconds:.1f} s of silence, expected to stay open;"
        f" a ping every {pinged.ping_every:g} s kept it open for {pinged.seconds:.0f} s{_default(silent.seconds)}"
    )


def maybe(evidence: Evidence) -> str | None:
    """Look for two sockets that end at one age, before the first ping has told silence from talk."""
    ended = both_ended(evidence)
    if ended and same_age(*ended) and not same_moment(*ended) and ended[1].seconds <= ended[1].ping_every:
        return "ask for the limits of the proxies on the way: both an idle limit and a limit on age look like this"
    return None


def _default(seconds: float) -> str:
    """Say whose default this is."""
    near = [
        f"{limit} s is the default of {whose}" for limit, whose in DEFAULTS.items() if -0.5 < seconds - limit < NEARLY
    ]
    return f"; {' and '.join(near)}" if near else ""
