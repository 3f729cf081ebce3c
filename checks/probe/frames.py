"""Test whether data passes an open WebSocket, and whether compressed frames do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

from checks.evidence import NO_PONG, PingResult, Variant

from .errors import describe
from .stream import wait_for
from .websocket import EndedError, LimitError, UnreadableError, WebSocket

SECOND_PING_S = 2.0
"""Seconds, at most, in which a second ping may release the pong of the first."""


async def ping(websocket: WebSocket, variant: Variant, timeout: float) -> PingResult:
    """Send a ping, wait for its pong, send the first frame of a message, and close."""
    result = PingResult(websocket.path, variant)
    began = time.monotonic()
    try:
        await wait_for(websocket.ping(), timeout)
        await wait_for(websocket.receive_pong(), timeout)
        result = replace(result, pong=time.monotonic() - began, messages=websocket.messages)
    except asyncio.TimeoutError:
        result = replace(result, error=f"{NO_PONG} {timeout:g} s")
        result = await _second_ping(websocket, result, began, timeout)
    except (EndedError, OSError) as ended:
        result = replace(result, error=describe(ended), unreadable=isinstance(ended, UnreadableError))
    # Where nothing was agreed, a frame without compression shows only something to compare with.
    if not result.error and (websocket.compresses or variant == "no-extensions"):
        result = replace(result, frame_sent=True, frame_error=await _begin_message(websocket, timeout))
    if result.error:
        result = replace(result, messages=websocket.messages)
    await websocket.close()
    return replace(result, close_code=websocket.close_code, close_reason=websocket.close_reason)


async def _second_ping(websocket: WebSocket, result: PingResult, began: float, timeout: float) -> PingResult:
    """Send another ping, and tell whether it releases the pong of the first.

    A hop may deliver each message only when the next one arrives.
    """
    seconds = min(timeout, SECOND_PING_S)
    with contextlib.suppress(asyncio.TimeoutError, EndedError, OSError):
        await wait_for(websocket.ping(), seconds)
        await wait_for(websocket.receive_pong(1, 2), seconds)
        result = replace(result, late=time.monotonic() - began)
        await wait_for(websocket.receive_pong(2), seconds)
        result = replace(result, second=True)
    return result


async def _begin_message(websocket: WebSocket, timeout: float) -> str:
    """Send the first frame of a message and a ping; return why no pong came.

    The message never ends, so no application gets it. But every hop and the server must be able to read its frame.
    """
    try:
        await wait_for(websocket.begin_message(), timeout)
        await wait_for(websocket.ping(), timeout)
        await wait_for(websocket.receive_pong(), timeout)
    except asyncio.TimeoutError:
        return f"{NO_PONG} {timeout:g} s"
    except LimitError:
        return ""
    except (EndedError, OSError) as ended:
        return describe(ended)
    return ""
