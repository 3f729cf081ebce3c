"""Evidence for and against: the handshake is redirected."""

from support.evidence import KERNEL, OPEN, everywhere, handshakes, observed, redirect, response

from checks.probe import NOTIFICATIONS

FIRES = {
    "an added slash": observed(handshakes(redirect("http://dss.example.com/dip/websocket/?sessionId=diagnose00"))),
    "an added slash, in a relative URL": observed(handshakes(redirect("/dip/websocket/?sessionId=diagnose00", 308))),
    "an added slash, without the query": observed(handshakes(redirect("/dip/websocket/", 302))),
    "to HTTPS, on WebSocket URLs only": observed(handshakes(redirect("https://dss.example.com" + NOTIFICATIONS, 302))),
    "to a WebSocket URL, asked as one": observed(
        handshakes(redirect("ws://10.0.0.5:11200/live"), path="/live"),
        url="ws://dss.example.com/live",
        page=response(404),
        health_check=response(0),
    ),
    "an added slash, asked as a WebSocket URL": observed(
        handshakes(redirect("/live/"), path="/live"), url="ws://dss.example.com/live", health_check=response(0)
    ),
    "on one path of two": observed(
        handshakes(redirect("/DIP/websocket?sessionId=diagnose00")), handshakes(OPEN, path=KERNEL)
    ),
}

QUIET = {
    "to a sign-in page": observed(handshakes(redirect("/login/?to=%2Fdip%2Fwebsocket", 302))),
    "to the sign-in page of another host": observed(
        handshakes(redirect("https://sso.example.com" + NOTIFICATIONS, 302))
    ),
    "to the same URL without its query": observed(handshakes(redirect("/dip/websocket", 302))),
    "to the same URL, with a cookie": observed(handshakes(redirect(NOTIFICATIONS, 302, Set_Cookie="seen"))),
    "to a relative sign-in page, asked as a WebSocket URL": observed(
        handshakes(redirect("/login", 302), redirect("/login", 302), path="/live"),
        url="ws://dss.example.com/live",
        health_check=response(0),
    ),
    "to the URL that was requested": observed(handshakes(redirect(NOTIFICATIONS, 302))),
    "of the page too": everywhere(redirect("https://dss.example.com/")),
    "without a Location": observed(handshakes(response(302))),
    "to a malformed URL": observed(handshakes(redirect("http://[half"))),
}
