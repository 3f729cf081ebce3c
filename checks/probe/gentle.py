"""Survey a URL with few requests, for servers that limit requests or ban clients."""

from __future__ import annotations

from checks.evidence import OTHER_BROWSERS, Response

from .stream import Stream
from .survey import Survey

MAX_FAILURES = 3
"""How many requests may fail; fail2ban, for example, blocks an IP address after five by default."""


class GentleSurvey(Survey):
    """A survey that sends one request at a time and repeats none."""

    async def tests(self, stream: Stream | None) -> None:
        """Open each WebSocket, then request the pages, and stop after MAX_FAILURES."""
        self.progress("sending one request at a time", 0)
        self.skipped["repeats and comparisons"] = "--gentle"
        for path in self.paths:
            if not self._may_go_on():
                return
            handshake, websocket = await self.session.open_websocket(path, "", stream)
            stream = None
            self.add(handshakes=(handshake,))
            await self.ping_all([websocket] if websocket else [])
        if self._may_go_on():
            self.add(page=await self.session.get("/"))
        if self._may_go_on():
            self.add(health_check=await self.health_check())
        if self.all_opened_and_answered():
            await self._as_other_browsers()
        for path in self.paths:
            if self._may_go_on() and not self.evidence.handshake(path).opened:
                await self.vary(path, "no-upgrade")

    async def _as_other_browsers(self) -> None:
        """Make the handshakes that browsers make besides the first."""
        self.add(handshakes=await self.over_http2())
        for family in OTHER_BROWSERS:
            if self._may_go_on():
                await self.vary(self.paths[0], family)

    def _may_go_on(self) -> bool:
        """Return whether one more request may fail."""
        pages = [page for page in (self.evidence.page, self.evidence.health_check) if page != Response()]
        failed = sum(not shake.opened for shake in self.evidence.handshakes)
        failed += sum(not 0 < page.status < 400 for page in pages)
        if failed >= MAX_FAILURES:
            self.skipped["further requests"] = f"{failed} requests failed, the most that --gentle allows"
        return failed < MAX_FAILURES
