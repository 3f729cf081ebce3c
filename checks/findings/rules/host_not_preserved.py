"""Detect a proxy that replaces Host or Origin."""

from __future__ import annotations

from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a changed Host, or a notebook that connects only without Origin."""
    for path in facts.evidence.paths:
        shake = facts.evidence.handshake(path)
        received = shake.changed_headers.get("Host")
        if received is not None:
            return f"expected Host: {dict(shake.sent)['Host']} at the server, got {received or 'no Host header'}"
    # Other web applications compare Origin with a list of their own, but Jupyter compares it with Host.
    for path in (path for path in facts.evidence.paths if path.startswith("/jupyter/")):
        response = facts.response(path)
        if response.status != 403 or not facts.evidence.handshake(path, "no-origin").opened:
            continue
        # A gateway that checks Origin would reject every WebSocket, with other words than Jupyter.
        if "cross origin" in response.body.lower() or facts.opened_paths:
            return (
                f"expected 101 Switching Protocols, got {response} with the Origin of the page;"
                " without Origin, the handshake succeeded"
            )
    return None


RULE = Rule(
    __name__,
    title="The proxy does not preserve the Host header",
    hop="reverse proxy",
    summary=(
        "A proxy replaces the Host header, or Origin, so Jupyter rejects the connection of a notebook as cross-origin"
    ),
    fix="make the proxy in front of DSS forward Host as the browser sent it, with its port, and Origin too",
    detect=detect,
)
