"""The page of `checks echo`: it tests WebSocket from the browser of a user, and reports to both ends."""

from __future__ import annotations

from checks.echo.desk import FrontDesk

__all__ = ["FrontDesk"]
