"""Run probes within limits, and count them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    disable_created_metrics,
)
from prometheus_client import ProcessCollector as Process

from checks import __version__
from checks.evidence import OUR_LIMIT, Evidence
from checks.findings import Diagnosis, diagnose
from checks.probe import Target, look
from checks.probe.connect import NOT_ALLOWED, look_up
from checks.probe.stream import wait_for

from .metrics import ProbeResult
from .modules import Module, Modules, NotListedError, load
from .places import place
from .tree import FileError

RESERVE_S = 0.5
"""Seconds of the scrape timeout, at most, that are left for the way of the response."""

RESERVE = 0.2
"""The same as a part of a scrape timeout that is short."""

DEFAULT_LIMIT_S = 60.0
"""Seconds for a probe where the request has no scrape timeout."""

MAX_LIMIT_S = 700.0
"""Seconds; no probe takes longer, whatever the request asks for."""

WATCH_S = 0.5
"""Seconds between two measurements of how late this program runs."""

LATE = 0.25
"""The part of a timeout by which this program may be late: more may look like a slow target."""

LOOKUP_S = 2.0
"""Seconds for the lookup of a name that a forward proxy will look up again."""

BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REASONS = ("request", "module", "target", "address", "timeout", "busy")
"""Why a request may be refused, as the label of the count."""

TOO_MANY_FILES = {os.strerror(number).lower() for number in (errno.EMFILE, errno.ENFILE)}
"""The errors of a connection where this program or this computer has too many files open."""

Log = Callable[[str], None]
"""Receives one line."""


class RefusedError(Exception):
    """The request is refused; the message is one sentence without secrets."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Probe:
    """A probe that has ended."""

    evidence: Evidence
    diagnosis: Diagnosis
    result: ProbeResult


class Service:
    """The modules in use, and the probes in flight."""

    def __init__(self, path: Path, max_probes: int, log: Log) -> None:
        """Load the modules.

        Raises FileError.
        """
        self.path, self.log = path, log
        self.modules: Modules = load(path)
        self.delays: deque[tuple[float, float]] = deque(maxlen=int(MAX_LIMIT_S / WATCH_S))
        self._gate = asyncio.Semaphore(max_probes)
        self.registry = CollectorRegistry()
        self._add_metrics()
        self._loaded()

    def _add_metrics(self) -> None:
        registry = self.registry
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the series of each counter
        for collector in (Process, PlatformCollector, GCCollector):
            collector(registry=registry)
        name = "websocket_exporter"
        Info(f"{name}_build", "The version of the exporter.", registry=registry).info({"version": __version__})
        self.in_flight = Gauge(f"{name}_probes_in_flight", "Probes that are running.", registry=registry)
        self.waiting = Gauge(f"{name}_probes_waiting", "Probes that wait for others to end.", registry=registry)
        self.probes = Counter(
            f"{name}_probes", "Probes that ended, by module and result.", ["module", "result"], registry=registry
        )
        text = "Requests that were refused, by reason."
        self.refused = Counter(f"{name}_refused", text, ["reason"], registry=registry)
        for reason in REASONS:
            self.refused.labels(reason)
        self.seconds = Histogram(
            f"{name}_probe_duration_seconds", "Seconds that probes took.", buckets=BUCKETS, registry=registry
        )
        text = "1 if the modules were loaded at the last attempt, otherwise 0."
        self.load_ok = Gauge(f"{name}_config_last_reload_successful", text, registry=registry)
        text = "When the modules were last loaded, in seconds since 1970."
        self.load_time = Gauge(f"{name}_config_last_reload_success_timestamp_seconds", text, registry=registry)

    def _loaded(self) -> None:
        self.load_ok.set(1)
        self.load_time.set_to_current_time()

    def reload(self) -> None:
        """Load the modules again; if the file has an error, keep those in use."""
        try:
            self.modules = load(self.path)
        except FileError as error:
            self.load_ok.set(0)
            self.log(f"kept the modules in use, because the new ones have an error: {error}")
            return
        self._loaded()
        self.log(f"loaded from {self.path}: {', '.join(self.modules)}")

    async def watch(self) -> None:
        """Measure how late this program runs, until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(WATCH_S)
            self.delays.append((began, time.monotonic() - began - WATCH_S))

    def count_refused(self, error: RefusedError) -> None:
        """Count and log a request that was refused."""
        self.refused.labels(error.reason).inc()
        self.log(f"refused ({error.reason}): {error}")

    async def probe(self, target: str, module_name: str, scrape_timeout: float) -> Probe:
        """Run one probe.

        Raises RefusedError.
        """
        began = time.monotonic()
        module = self._module(module_name)
        limit = min(scrape_timeout or module.hold + DEFAULT_LIMIT_S, MAX_LIMIT_S)
        limit -= min(RESERVE_S, RESERVE * limit)
        if limit <= module.hold:
            message = f"module {module.name} holds a WebSocket for {module.hold:g} s"
            raise RefusedError(400, "timeout", f"{message}: set scrape_timeout to more than that")
        try:
            wanted = module.target(place(target))
        except (ValueError, NotListedError) as error:
            raise RefusedError(403, "target", str(error)) from error
        async with self._turn((limit - module.hold) / 2):
            if module.proxy:
                await _check_name(wanted)
            left = max(began + limit - time.monotonic(), 0.1)
            evidence = await look(
                wanted,
                sockets=(*wanted.sockets, *module.sockets),
                idle=module.hold,
                gentle=module.gentle,
                seconds=left,
            )
        failure = evidence.route.error
        if failure.endswith(NOT_ALLOWED):
            raise RefusedError(403, "address", failure.partition(OUR_LIMIT)[2].strip())
        if OUR_LIMIT in failure or failure in TOO_MANY_FILES:  # which shows nothing about the target
            raise RefusedError(503, "busy", f"{failure}: raise the limits of this process, or lower --max-probes")
        return self._ended(module, evidence, began)

    def _module(self, name: str) -> Module:
        if not name and len(self.modules) == 1:
            return next(iter(self.modules.values()))
        if name not in self.modules:
            raise RefusedError(400, "module", f"unknown module; expected one of {', '.join(self.modules)}")
        return self.modules[name]

    @contextlib.asynccontextmanager
    async def _turn(self, seconds: float) -> AsyncIterator[None]:
        """Wait until fewer probes are in flight.

        Raises RefusedError where that takes more than so many seconds.
        """
        with self.waiting.track_inprogress():
            try:
                await wait_for(self._gate.acquire(), seconds)
            except asyncio.TimeoutError:
                raise RefusedError(503, "busy", "too many probes are running; see --max-probes") from None
        try:
            with self.in_flight.track_inprogress():
                yield
        finally:
            self._gate.release()

    def _ended(self, module: Module, evidence: Evidence, began: float) -> Probe:
        """Diagnose, and count the probe.

        Raises RefusedError where a fault may be that of a computer that is too busy.
        """
        diagnosis, seconds = diagnose(evidence), time.monotonic() - began
        late = max((delay for at, delay in self.delays if at + WATCH_S + delay >= began), default=0)
        if not diagnosis.works and late > module.timeout * LATE:
            raise RefusedError(
                503, "busy", f"this computer is too busy for a result: the exporter was {late:.1f} s late"
            )
        result = ProbeResult(evidence, diagnosis, seconds)
        outcome = "success" if result.success else "failure" if result.complete else "timeout"
        self.probes.labels(module.name, outcome).inc()
        self.seconds.observe(seconds)
        return Probe(evidence, diagnosis, result)


async def _check_name(target: Target) -> None:
    """Raise RefusedError if the name leads to an address that is not allowed.

    A forward proxy looks the name up again, so its own rules must refuse such addresses too.
    """
    addresses: tuple[str, ...] = ()
    with contextlib.suppress(OSError, UnicodeError, asyncio.TimeoutError):
        addresses = await wait_for(look_up(target.host, target.port, 0), LOOKUP_S)
    for address in addresses:
        if target.permits and not target.permits(address):
            raise RefusedError(403, "address", f"{address} {NOT_ALLOWED}")
