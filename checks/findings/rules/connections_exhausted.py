"""Detect a limit on connections that is reached."""

from __future__ import annotations

from checks.findings import limits
from checks.findings.facts import Facts
from checks.findings.rule import Rule


def detect(facts: Facts) -> str | None:
    """Look for a phrase about a limit, or for one that this test reached itself."""
    return limits.proof(facts) or None


def suspect(facts: Facts) -> str | None:
    """Look for rejections that a limit explains, such as 429, or 503 after a wait."""
    return limits.suspicion(facts) or None


RULE = Rule(
    __name__,
    title="A limit on connections is reached",
    hop="any",
    symptom="Works in the morning, and fails when more people use DSS",
    summary="A proxy or a server allows only so many connections at a time, and each open WebSocket uses one",
    fix=(
        "raise the limit of the product that sent this response above the number of open pages and notebooks of "
        "all users. Look for limit_conn and worker_connections in nginx, maxconn in HAProxy, circuit_breakers in "
        "Envoy, MaxRequestWorkers in Apache httpd"
    ),
    detect=detect,
    suspect=suspect,
)
