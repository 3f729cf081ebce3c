"""The metrics of one probe, from its evidence and its diagnosis.

Every label has one of a fixed list of values, or comes from the module. Nothing that a target sent becomes a label, so
no target can add series to Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from checks.evidence import OUT_OF_TIME, Evidence, Handshake, Route
from checks.findings import Diagnosis, cause

PREFIX = "websocket_probe"

UNDECIDED = "undecided"
"""The cause of a probe that fails where the evidence proves none."""

TLS_VERSIONS = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}

BROWSER = "chromium"
"""The label for the handshake without a change, which is Chromium's."""

MAX_PATHS = 20
"""Paths that get series of their own."""

STAGES = "seconds that each stage of the probe took: connect contains name lookup, tcp, proxy and tls"


class ProbeResult(Collector):
    """The metrics of one probe, as prometheus_client collects them."""

    def __init__(self, evidence: Evidence, diagnosis: Diagnosis, seconds: float) -> None:
        self.evidence, self.diagnosis, self.seconds = evidence, diagnosis, seconds
        self.complete = OUT_OF_TIME not in dict(evidence.skipped)

    @property
    def success(self) -> bool:
        """Whether the probe ended, and every browser could open the WebSocket."""
        return self.complete and self.diagnosis.works

    def collect(self) -> Iterable[Metric]:
        """Yield every metric that the evidence has a value for."""
        yield self._plain("success", "1 if the WebSocket works in every browser, otherwise 0", self.success)
        yield self._plain("complete", "1 if the probe ended before the scrape timeout, otherwise 0", self.complete)
        yield self._plain("duration_seconds", "seconds that the whole probe took", self.seconds)
        yield self._causes()
        yield self._candidates()
        yield self._stages()
        yield self._handshakes()
        yield self._pages()
        yield from self._holds()
        yield from self._tls()

    def _plain(self, name: str, text: str, value: float) -> Metric:
        return GaugeMetricFamily(f"{PREFIX}_{name}", _sentence(text), value=float(value))

    def _family(self, name: str, text: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"{PREFIX}_{name}", _sentence(text), labels=labels)

    def _causes(self) -> Metric:
        """Return one series for each proven cause, or one that is undecided.

        After an incomplete probe it is left out, because the missing evidence may prove another cause.
        """
        text = "always 1: the cause that is proven, or undecided; no series if the WebSocket works"
        family = self._family("cause", text, "cause", "hop")
        if self.success or not self.complete:
            return family
        for finding in self.diagnosis.findings:
            family.add_metric([finding.id, finding.hop], 1)
        if not self.diagnosis.findings:
            family.add_metric([UNDECIDED, ""], 1)
        return family

    def _candidates(self) -> Metric:
        """Return the causes that the evidence allows but does not prove."""
        family = self._family("candidate", "always 1: a cause that is possible but not proven", "cause", "hop")
        for each in self.diagnosis.candidates if self.complete else ():
            family.add_metric([each, cause(each).hop], 1)
        return family

    def _stages(self) -> Metric:
        family = self._family("stage_seconds", STAGES, "stage")
        for stage, seconds in _stages(self.evidence):
            family.add_metric([stage], seconds)
        return family

    def _handshakes(self) -> Metric:
        text = "status code of the handshake, 0 without a response; of several alike, the first that failed"
        family = self._family("handshake_status_code", text, "path", "variant")
        shown: dict[tuple[str, str], Handshake] = {}
        for shake in self.evidence.handshakes:
            key = (_path(shake.path), shake.variant or BROWSER)
            if key not in shown or (shown[key].opened and not shake.opened):
                shown[key] = shake
        allowed = list(dict.fromkeys(path for path, _ in shown))[:MAX_PATHS]
        for path, variant in sorted(shown):  # some handshakes are sent at the same time
            if path in allowed:
                family.add_metric([path, variant], shown[path, variant].response.status)
        return family

    def _pages(self) -> Metric:
        text = "status code of a page that the probe requested, 0 without a response"
        family = self._family("page_status_code", text, "page")
        evidence = self.evidence
        for page, response in (("/", evidence.page), ("/dip/api/ping", evidence.health_check)):
            if response.status or response.error:
                family.add_metric([page], response.status)
        return family

    def _holds(self) -> Iterator[Metric]:
        lived = self._family("held_seconds", "seconds that an open WebSocket was held", "path", "traffic")
        dropped = self._family("held_dropped", "1 if it closed while it was held, otherwise 0", "path", "traffic")
        for hold in self.evidence.holds:
            labels = [_path(hold.path), "pings" if hold.ping_every else "idle"]
            lived.add_metric(labels, hold.seconds)
            dropped.add_metric(labels, hold.dropped)
        yield lived
        yield dropped

    def _tls(self) -> Iterator[Metric]:
        tls = self.evidence.route.tls
        if tls.version in TLS_VERSIONS:
            protocol = tls.alpn if tls.alpn in {"", "h2", "http/1.1"} else "other"
            value = {"version": tls.version, "alpn": protocol}
            yield InfoMetricFamily(f"{PREFIX}_tls", _sentence("the TLS that was agreed"), value=value)
        if tls.version or tls.code:
            yield self._plain("certificate_trusted", "1 if the certificate is trusted, otherwise 0", not tls.code)
        if tls.certificate.ends:
            text = "when the certificate of the server expires, in seconds since 1970"
            ends = datetime.fromisoformat(tls.certificate.ends.replace("Z", "+00:00")).timestamp()
            yield self._plain("certificate_expiry_timestamp_seconds", text, ends)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _path(path: str) -> str:
    """Return a path without its query, which may hold a secret."""
    return urlsplit(f"http://h{path}").path


def _stages(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Yield the stages that took any time, with their seconds."""
    yield from (pair for pair in _of_route(evidence.route) if pair[1])
    responses = {"page": evidence.page, "health_check": evidence.health_check}
    yield from ((name, response.seconds) for name, response in responses.items() if response.seconds)
    first = next(iter(evidence.handshakes), None)
    if first and first.response.seconds:
        yield "handshake", first.response.seconds
    ping = next(iter(evidence.pings), None)
    if ping and ping.pong:
        yield "pong", ping.pong


def _of_route(route: Route) -> Iterator[tuple[str, float]]:
    accepted = [attempt.seconds for attempt in route.attempts if not attempt.error]
    yield "connect", route.seconds
    yield "tcp", accepted[0] if accepted else max((attempt.seconds for attempt in route.attempts), default=0.0)
    yield "proxy", route.tunnel.seconds
    yield "tls", route.tls.seconds
