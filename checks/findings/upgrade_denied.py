"""An Envoy on the way has not been told that WebSocket is allowed, and refuses the handshake itself."""

from __future__ import annotations

from checks.evidence import Evidence, Response

TITLE = "Envoy does not allow the WebSocket upgrade"
HOP = "reverse proxy"
FIX = "allow the upgrade to websocket in Envoy (upgrade_configs), or in what configures it"

OWN = ["date", "server", "connection", "content-length"]
"""The headers of Envoy's own refusal, in its order; a 403 that it passes on ends in Connection (seen on 1.40)."""


def proof(evidence: Evidence) -> str | None:
    """Look for refusals of every socket that Envoy wrote itself, where a plain GET is answered otherwise."""
    for path in evidence.paths:
        asked, plain = evidence.handshake(path).response, evidence.handshake(path, "no-upgrade").response
        if plain.status not in {0, 403} and all(_refused(evidence, each) for each in evidence.paths):
            return (
                f"answered {asked} with nothing in it, in the name of Envoy, expected 101 Switching Protocols;"
                f" the same without Upgrade answered {plain}"
            )
    return None


def maybe(evidence: Evidence) -> str | None:
    """Look for the same at one socket of several: whoever decides at Envoy may have refused, too."""
    if any(_refused(evidence, path) for path in evidence.paths):
        return "look in Envoy whether upgrade_configs counts for this address too"
    return None


def _refused(evidence: Evidence, path: str) -> bool:
    """Tell whether Envoy itself answered the handshake, whoever asked."""
    answers = [evidence.handshake(path, "").response, evidence.handshake(path, "no-origin").response]
    return all(_of_envoy(answer) for answer in answers)


def _of_envoy(answer: Response) -> bool:
    headers = {name.lower(): value.lower() for name, value in answer.headers}
    return answer.status == 403 and not answer.body and list(headers) == OWN and "envoy" in headers["server"]
