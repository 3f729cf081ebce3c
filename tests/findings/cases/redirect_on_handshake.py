"""Evidence for and against: the handshake is redirected."""

from support.evidence import KERNEL, OPEN, everywhere, handshakes, observed, redirect, response

from checks.probe import NOTIFICATIONS

FIRES = {
    "an added slash": observed(handshakes(redirect("http://dss.example.com/dip/websocket/?sessionId=diagnose00"))),
    "an added slash, in a relative URL": observed(handshakes(redirect("/dip/websocket/?sessionId=diagnose00", 308))),
    "an added slash, without the query": observed(handshakes(redirect("/dip/websocket/", 302))),
    "to HTTPS, on WebSocket URLs only": observed(handshakes(redirect("https://dss.example.com" + NOTIFICATIONS, 302))),
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
    "of the page too": everywhere(redirect("https://dss.example.com/")),
    "without a Location": observed(handshakes(response(302))),
    "to a malformed URL": observed(handshakes(redirect("http://[half"))),
}
