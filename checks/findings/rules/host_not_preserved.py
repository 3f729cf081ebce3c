"""Detect a proxy that replaces Host or Origin."""

from __future__ import annotations

from checks.evidence import Handshake
from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a changed Host, or a notebook that connects only without Origin."""
    for path in facts.evidence.paths:
        shake = facts.evidence.handshake(path)
        for name, received in shake.changed_headers.items():
            if (name == "Host" or (name == "Origin" and received)) and not _same_origin(shake):
                return f"expected {name}: {dict(shake.sent)[name]} at the server, got {received or 'no Host header'}"
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


def _same_origin(shake: Handshake) -> bool:
    """Tell whether Origin arrived with the Host that arrived: Jupyter accepts it."""
    return shake.arrived_header("Origin").partition("://")[2].lower() == shake.arrived_header("Host").lower() != ""


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
