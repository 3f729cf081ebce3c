"""Nothing breaks WebSocket on this way."""

from __future__ import annotations

from checks.evidence import Evidence

TITLE = "WebSocket works"
HOP = "server"
FIX = "nothing to do here; if a browser still shows the message, look from the network in which it does"


def proof(evidence: Evidence) -> str | None:
    """Say what was verified; only where no cause is proven."""
    if not evidence.works:
        return None
    sockets = f"{len(evidence.paths)} socket{'s' if len(evidence.paths) > 1 else ''} opened"
    again = max(len(evidence.tries(path)) for path in evidence.paths)
    times = f", {'the first of them ' if len(evidence.paths) > 1 else ''}{again} times," if again > 1 else ""
    said = [f"the page answered {evidence.page}", f"{sockets}{times} and answered a ping"]
    said += [
        f"{'silence' if not hold.ping_every else 'pings'} for {hold.seconds:.0f} s ended none"
        for hold in evidence.holds
    ]
    if evidence.sizes:
        said.append(f"messages up to {max(each.size for each in evidence.sizes)} bytes passed")
    return "; ".join(said)
