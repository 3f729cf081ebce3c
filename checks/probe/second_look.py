"""Look again where requests may have affected each other or reached a limit.

The first look sends requests side by side, as a browser does. This one repeats each of them alone, and then tests what
changes while others are open.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Callable

from checks.evidence import NO_RESPONSE, OTHER_BROWSERS, Evidence, Handshake, Moment, Recheck, Response

from .session import Session
from .websocket import WebSocket

PATIENCE = 3
"""How many times longer than `Target.timeout` to wait for a response that did not come in that time."""

SETTLE_S = 0.5
"""Seconds after our connections are closed, in which a chain of proxies notices that, also on a busy machine."""

DRAINED_S = 1.0
"""Seconds after which Envoy has closed a connection that it is closing (`delayed_close_timeout`)."""

MOST_HELD = 6
"""WebSocket connections that are opened one after the other to find a limit."""

BEFORE_SIGN_IN = {403, 404}
"""The status codes of many servers for everything until a user has signed in."""

ROUNDS = 4
"""How often plain requests are sent beside a handshake, if any such request has failed before."""

ENOUGH = 2
"""Rounds with an effect that prove it. If no plain request failed before, as many without an effect disprove it."""

BESIDE = 2
"""Plain requests that are open beside each handshake.

They are few because most of them fail, and a guard may count failures.
"""

IN_A_ROW = 4
"""How often each of them is repeated beside a handshake.

They fail only on the connection that the handshake breaks. A proxy may have one for each of its threads, and gives a
new client to any thread: with two threads, one of 256 rounds has no request on that connection.
"""

PACE_S = 0.05
"""Seconds between them: a busy machine may forward the handshake that much later than the requests beside it."""

LIMITED = {429, 502, 503, 504}
"""The status codes of a limit, or of a server that does not respond (RFC 6585, section 4; RFC 9110, section 15.6)."""

CREDENTIALS = {401, 407}
"""The status codes for missing or rejected credentials: some directories lock an account after a few of them."""


async def second_look(session: Session, evidence: Evidence, progress: Callable[[str, float], None]) -> Evidence:
    """Return the evidence, with a second look where the first needs one."""
    if evidence.route.failed or not evidence.paths:
        return evidence
    look = _SecondLook(session, evidence)
    if look.wanted:
        progress("repeating requests one at a time", 0)
        await look.run()
    return replace(evidence, rechecks=tuple(look.rechecks))


def limited(response: Response) -> bool:
    """Return whether a limit or a server that is down explains a response."""
    return response.status in LIMITED or not response.status


class _SecondLook:
    """The second look, at the page and at one WebSocket."""

    def __init__(self, session: Session, evidence: Evidence) -> None:
        self.session, self.evidence = session, evidence
        self.rechecks: list[Recheck] = []
        self.first = [shake for shake in evidence.handshakes if shake.variant in {"", "again"}]
        opened = [shake.path for shake in self.first if shake.opened]
        self.some_opened = bool(opened)
        self.path = (opened or evidence.paths)[0]
        self.pages = {"/": evidence.page}
        if not session.target.is_socket:
            self.pages["/dip/api/ping"] = evidence.health_check

    @property
    def wanted(self) -> bool:
        """Whether there may be a limit, a server that is down, or one error everywhere."""
        responses = [*(shake.response for shake in self.first), *self.pages.values()]
        others = [shake.response for shake in self.evidence.handshakes if shake.variant in OTHER_BROWSERS]
        if any(response.status in CREDENTIALS for response in responses):
            return False
        same_error = not self.some_opened and all(
            response.status >= 400 and response.status not in BEFORE_SIGN_IN for response in responses
        )
        return same_error or any(map(limited, (*responses, *others)))

    async def run(self) -> None:
        """Repeat what failed, then test a limit or the effect of a handshake."""
        await asyncio.sleep(SETTLE_S if self.some_opened else DRAINED_S)
        if not self.some_opened:
            await self._alone()
        if self.some_opened:
            await self._find_limit()
        elif self._only_handshake_fails_alone():
            await self._beside_each_other()

    async def _alone(self) -> None:
        """Repeat each request while no other is open, the handshake last."""
        plain = {**self.pages, self.path: self.evidence.handshake(self.path, "no-upgrade").response}
        for path, before in plain.items():
            response = (await self._get("alone", path, before)).response
            if response.error.startswith(NO_RESPONSE):
                return  # the others would only wait, too
            if limited(response) and not all(limited(each.response) for each in self.rechecks):
                await asyncio.sleep(DRAINED_S)
                await self._get("alone", path, before)
        first = self.evidence.handshake(self.path).response
        handshake = await self._handshake("alone", first)
        if handshake.response.status in LIMITED and not all(limited(each.response) for each in self.rechecks):
            await asyncio.sleep(DRAINED_S)
            handshake = await self._handshake("alone", first)
        self.some_opened = handshake.opened

    def _only_handshake_fails_alone(self) -> bool:
        last = {(each.path, each.upgrade): each.response for each in self.rechecks}
        handshake = last.pop((self.path, True), None)
        return handshake is not None and limited(handshake) and not any(map(limited, last.values()))

    async def _find_limit(self) -> None:
        """Open one more WebSocket each time, until one is rejected.

        A limit rejects the same one again, and none that is opened after the others are closed.
        """
        if await self._rejected_while_held():
            for _ in range(self.rechecks[-2].held + 1):  # one more than were open when one was rejected
                if not (await self._handshake("in turn")).opened:
                    return
                await asyncio.sleep(SETTLE_S)
            await self._rejected_while_held()

    async def _rejected_while_held(self) -> bool:
        """Return whether a WebSocket is rejected while others are held.

        It must also open after they are closed.
        """
        held: list[WebSocket] = []
        for _ in range(MOST_HELD):
            handshake, websocket = await self.session.open_websocket(self.path)
            self._add("held", handshake, held=len(held))
            if not websocket:
                break
            held.append(websocket)
        await asyncio.gather(*(websocket.close() for websocket in held))
        if len(held) in {0, MOST_HELD}:
            return False
        await asyncio.sleep(SETTLE_S)
        return (await self._handshake("after")).opened

    async def _beside_each_other(self) -> None:
        """Test whether plain requests fail beside a handshake, and only there."""
        plain = [*self.pages] * (BESIDE // len(self.pages))
        together = await asyncio.gather(*(self._get("together", path) for path in (*plain, "/")))
        if any(limited(each.response) for each in together):
            return
        failed_before = any(map(limited, self.pages.values()))
        effects: list[bool] = []
        for _ in range(ROUNDS):
            effects.append(await self._any_fails_beside_a_handshake(plain))
            without = ROUNDS if failed_before or any(effects) else ENOUGH
            if effects.count(True) == ENOUGH or effects.count(False) == without:
                break
        await self._get("alone again", "/")

    async def _any_fails_beside_a_handshake(self, plain: list[str]) -> bool:
        """Return whether a plain request fails while a handshake has no response."""
        handshake = asyncio.ensure_future(self._handshake("beside a handshake"))
        beside = await asyncio.gather(*(self._repeat_beside(handshake, path) for path in plain))
        await handshake
        await asyncio.sleep(DRAINED_S)
        return any(limited(each.response) for each in beside)

    async def _repeat_beside(self, handshake: asyncio.Future[Handshake], path: str) -> Recheck:
        """Repeat a plain request until it fails or the handshake is over.

        Records the last.
        """
        for _ in range(IN_A_ROW):
            response = await self.session.get(path)
            if limited(response) or handshake.done():
                break
            await asyncio.sleep(PACE_S)
        return self._record("beside a handshake", path, response)

    async def _get(self, moment: Moment, path: str, before: Response | None = None) -> Recheck:
        return self._record(moment, path, await self._patient(before).get(path))

    def _record(self, moment: Moment, path: str, response: Response) -> Recheck:
        self.rechecks.append(Recheck(moment, path, upgrade=False, response=response))
        return self.rechecks[-1]

    async def _handshake(self, moment: Moment, before: Response | None = None) -> Handshake:
        handshake = await self._patient(before).handshake(self.path)
        self._add(moment, handshake)
        return handshake

    def _add(self, moment: Moment, handshake: Handshake, held: int = 0) -> None:
        # Leave out the headers that equal those of the first handshake, which is kept whole.
        response = replace(handshake.response, headers=()) if handshake.opened else handshake.response
        recheck = Recheck(moment, self.path, upgrade=True, response=response, opened=handshake.opened, held=held)
        self.rechecks.append(recheck)

    def _patient(self, before: Response | None) -> Session:
        """Return a session that waits longer for what did not come in time."""
        if not before or not before.error.startswith(NO_RESPONSE):
            return self.session
        target = self.session.target
        patient = Session(
            replace(target, timeout=target.timeout * PATIENCE), any_certificate=self.session.any_certificate
        )
        patient.addresses = self.session.addresses
        return patient
