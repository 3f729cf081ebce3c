"""Advice on the next step that several causes share."""

BROWSER_URL = "compare the URL with the one in the developer tools of a browser in which the WebSocket works"

DIRECT = (
    "connect to DSS directly, at its own port, without the proxy: if the WebSocket opens there, the proxy is the cause"
)

ISSUER = "compare the issuer of the certificate with the one on a computer that reaches DSS without the forward proxy"

LIMIT = (
    "look in the proxy log, at the time of this test, for a limit on requests or connections, or for a server that is"
    " down"
)

TIMEOUTS = "ask for the limits of every proxy: an idle timeout and a maximum connection lifetime both look like this"

RESTART = (
    "run this test again, for longer: if every WebSocket lasts equally long, look for a timeout, and otherwise for"
    " restarts in the logs"
)
