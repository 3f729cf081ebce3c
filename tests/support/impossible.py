"""The causes that evidence rules out."""

from checks.evidence import Certificate
from checks.findings import cause, ids
from checks.findings.facts import Facts
from checks.findings.rule import BEHIND_THE_FORWARD_PROXY


def impossible(evidence):
    """Return the causes that the evidence rules out, whatever else is true."""
    facts = Facts(evidence)
    causes = set()
    if facts.opens_without_proxy:
        causes |= {name for name in ids() if cause(name).hop in BEHIND_THE_FORWARD_PROXY}
    if not evidence.route.proxy:
        causes |= {"proxy-auth", "connect-denied", "forward-proxy-blocks"}
    tls = evidence.route.tls
    if not (tls.version or tls.code or tls.certificate != Certificate()):
        causes |= {"cert-untrusted", "tls-interception", "endpoint-security"}
    if facts.opened_paths:
        causes |= {"upgrade-not-forwarded", "forward-proxy-blocks", "unreachable", "backend-down", "connect-denied"}
    elif len(facts.evidence.paths) > 1:  # with one path, nothing shows what the proxy does with others
        causes |= {"upgrade-wrong-location"}
    if not facts.closed_paths:
        causes |= {"upgrade-wrong-location", "wrong-path", "auth-on-handshake", "waf-blocks", "upgrade-denied"}
    if not facts.inconsistent_paths:
        causes |= {"intermittent"}
    if not any(hold.dropped for hold in evidence.holds):
        causes |= {"proxy-reload", "lifetime-limit", "idle-timeout"}
    return causes
