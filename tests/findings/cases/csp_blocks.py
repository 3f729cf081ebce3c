"""Evidence for and against: a Content-Security-Policy blocks the WebSocket."""

from dataclasses import replace

from support.evidence import NOT_FOUND, handshakes, response, with_policy

FIRES = {
    "any script, no connection": with_policy("script-src *; connect-src 'none'"),
    "an empty list": with_policy("connect-src"),
    "another host": with_policy("default-src *; connect-src https://api.example.org wss://live.example.org"),
    "https:, which does not include wss:": with_policy("connect-src https:"),
    "default-src only": with_policy("default-src 'unsafe-inline' data:"),
    "the second of two policies": with_policy("img-src *, connect-src 'none'"),
    "the first of two directives": with_policy("connect-src 'none'; connect-src *"),
}

QUIET = {
    f"{why}, and no WebSocket": replace(
        with_policy(
            "x", page=response(page, "log in", Content_Security_Policy="connect-src 'none'"), health_check=NOT_FOUND
        ),
        handshakes=tuple(handshakes(response(403), response(403))),
    )
    for why, page in (("a sign-in page", 200), ("a page of a gateway", 403))
}
