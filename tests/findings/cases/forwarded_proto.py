"""Evidence for and against: the server believes that it was asked over HTTP."""

from support.evidence import (
    HTTPS,
    OPEN,
    TIMED_OUT,
    UPGRADE_REQUIRED,
    everywhere,
    handshakes,
    observed,
    redirect,
    response,
)

from checks.probe import NOTIFICATIONS

ITSELF = redirect(HTTPS + NOTIFICATIONS)
BY_SERVER = redirect(HTTPS + NOTIFICATIONS, Server="gunicorn")
SPELLED = f"https://DSS.example.com.:443{NOTIFICATIONS.replace('e', '%65')}"


def looped(target=ITSELF, plain=ITSELF, told=ITSELF, **more):
    """Return evidence of an https URL where everything is redirected to itself."""
    page = redirect(f"{HTTPS}/")
    evidence = {"url": HTTPS, "page": page, "health_check": redirect(f"{HTTPS}/dip/api/ping")} | more
    return observed(handshakes(target, plain, forwarded_https=told), **evidence)


FIRES = {
    "everything is redirected, and opens with X-Forwarded-Proto": looped(told=OPEN),
    "the same, and the server misses Upgrade": looped(told=UPGRADE_REQUIRED),
    "the same at a WebSocket URL": observed(
        handshakes(ITSELF, ITSELF, forwarded_https=OPEN),
        url=HTTPS.replace("http", "ws"),
        health_check=response(0),
        page=redirect(f"{HTTPS}/"),
    ),
    "only the handshake is redirected, as behind a proxy that reports wss": observed(
        handshakes(BY_SERVER, forwarded_https=BY_SERVER), url=HTTPS
    ),
    "the same, from Express": observed(
        handshakes(redirect(HTTPS + NOTIFICATIONS, X_Powered_By="Express"), forwarded_https=ITSELF), url=HTTPS
    ),
    "in another spelling of the URL": observed(handshakes(redirect(SPELLED, Server="gunicorn")), url=HTTPS),
    "in a relative URL": observed(handshakes(redirect(NOTIFICATIONS, Server="gunicorn")), url=HTTPS),
    "only the handshake is redirected, by a program that gives no name": observed(
        handshakes(redirect(HTTPS + NOTIFICATIONS), forwarded_https=ITSELF), url=HTTPS
    ),
}

BY_PROXY = {
    f"only the handshake is redirected, by {server}": observed(
        handshakes(redirect(HTTPS + NOTIFICATIONS, Server=server), forwarded_https=ITSELF), url=HTTPS
    )
    for server in ("nginx/1.31.3", "Apache/2.4.71 (Debian)", "Caddy", "envoy")
}

QUIET = BY_PROXY | {
    "a loop that X-Forwarded-Proto does not end": looped(),
    "a loop, and no response with X-Forwarded-Proto": looped(told=TIMED_OUT),
    "a loop, and a limit with X-Forwarded-Proto": looped(told=response(429)),
    "a cookie that the next request needs": looped(redirect(HTTPS + NOTIFICATIONS, Set_Cookie="seen"), told=ITSELF),
    "a loop over HTTP": everywhere(redirect(f"http://dss.example.com{NOTIFICATIONS}", 302)),
    "to HTTPS": everywhere(redirect(HTTPS + NOTIFICATIONS)),
    "to the sign-in page": observed(handshakes(redirect("/login", 302), redirect("/login", 302)), url=HTTPS),
    "to the same path of another host": observed(
        handshakes(redirect(f"https://sso.example.com{NOTIFICATIONS}", 302)), url=HTTPS
    ),
    "to a malformed URL": observed(handshakes(redirect("https://[half")), url=HTTPS),
}

UNDECIDED = {name: (evidence, ["forwarded-proto"]) for name, evidence in BY_PROXY.items()} | {
    "a loop that X-Forwarded-Proto does not end": (looped(), ["forwarded-proto"]),
    "a loop, and no response with X-Forwarded-Proto": (looped(told=TIMED_OUT), ["forwarded-proto"]),
}
