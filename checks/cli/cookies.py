"""Read the cookies that a user saved from a browser."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING

from .parser import UsageError

if TYPE_CHECKING:
    from checks.probe import Target


def is_field_value(text: str) -> bool:
    """Return whether a text can be the value of a header: printable ASCII."""
    return text.isascii() and text.isprintable()


def cookie_header(text: str, target: Target) -> str:
    """Return the Cookie header from the text of a file.

    The file has the header itself, or is a cookies.txt as many tools write it.
    """
    is_jar = text.startswith("# ") and "HTTP Cookie File" in text.splitlines()[0]
    line = _from_cookies_txt(text, target) if is_jar else re.sub(r"(?i)^\s*cookie:", "", text).strip()
    if not is_field_value(line) or ("=" not in line and not is_jar):
        raise UsageError(
            "--cookies: expected one line of ASCII text such as 'Cookie: name=value; other=value', or a cookies.txt"
        )
    return line


def _from_cookies_txt(text: str, target: Target) -> str:
    """Return the Cookie header for the target, from a cookies.txt."""
    import http.cookiejar  # noqa: PLC0415  # slow to import, and rarely needed
    import urllib.request  # noqa: PLC0415

    jar = http.cookiejar.MozillaCookieJar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning repeats the cookies
            jar._really_load(io.StringIO(text), "", True, True)  # type: ignore[attr-defined]  # noqa: FBT003, SLF001  # load() cannot read standard input
    except OSError:  # http.cookiejar.LoadError, which repeats the cookies
        raise UsageError("--cookies: expected 7 fields on each line of the cookies.txt, separated by tabs") from None
    for cookie in jar:
        cookie.expires = cookie.expires or None  # 0 means until the browser is closed
    request = urllib.request.Request(target.origin)  # noqa: S310  # never opened
    jar.add_cookie_header(request)
    return request.get_header("Cookie", "")
