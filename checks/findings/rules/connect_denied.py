"""Detect a forward proxy that refuses the tunnel."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule
from checks.findings.tunnel import advice, quoted, same_host, tried, wants_credentials

REFUSALS = {403, 405, 501}
"""Status codes for a refused tunnel. Only 403 is certain to be from a proxy; with 502 to 504 a proxy has tried."""


def detect(facts: Facts) -> str | None:
    """Look for a tunnel that the proxy refuses by a rule of its own."""
    evidence, tunnel = facts.evidence, facts.evidence.route.tunnel
    is_proxy = evidence.page.status == 200  # it forwarded the page, which needs no tunnel
    if not evidence.route.proxy or tunnel.status not in (REFUSALS if is_proxy else {403}) or wants_credentials(tunnel):
        return None
    proof = f"expected 200 for CONNECT from {evidence.route.proxy}, got {tunnel}{quoted(tunnel)}"
    for target, status in evidence.tunnels:
        if status and status not in REFUSALS and status != 407:
            proof += f"; it does not refuse a tunnel to {target} ({status})"
            proof += ", so it refuses the port" if same_host(target, evidence.url) else ""
    if evidence.page.status == tunnel.status:
        proof += "; it refuses the page too, so the cause is not limited to WebSocket"
    elif evidence.page.status and evidence.page.status not in REFUSALS and not evidence.url.startswith("https"):
        proof += f"; the page, which needs no tunnel, returned {evidence.page}"
    return proof


def suspect(facts: Facts) -> str | None:
    """Look for a refusal that may have another reason.

    It may also come from a server that is not a proxy.
    """
    route, status = facts.evidence.route, facts.evidence.route.tunnel.status
    if not route.proxy or route.failed != "proxy" or 200 <= status < 300 or facts.opened_paths:
        return None
    if not status or status in {404, 405}:
        return "compare the proxy with the one in the settings of a browser that loads the page"
    elsewhere = status == 407 or wants_credentials(route.tunnel)
    return None if elsewhere or (tried(route.tunnel) and not facts.opens_without_proxy) else advice(facts)


RULE = Rule(
    __name__,
    title="The forward proxy refuses the tunnel",
    hop="forward proxy",
    symptom="Works at home, fails at work, and the console mentions a tunnel",
    summary="The forward proxy refuses the tunnel (CONNECT) to this host and port, and a WebSocket needs one",
    fix=(
        "allow tunnels to this host and port in the forward proxy; if it only refuses the port, serve DSS "
        "with HTTPS on port 443"
    ),
    detect=detect,
    suspect=suspect,
)
