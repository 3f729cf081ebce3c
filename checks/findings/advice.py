"""Advice on the next step that several causes share."""

BROWSER_URL = "compare the URL with the one in the developer tools of a browser in which the WebSocket works"

BURST = (
    "look for a limit on connections or requests in the proxy, and raise it (nginx: limit_conn, limit_req). Requests"
    " side by side failed, and a handshake alone succeeded"
)

COOKIES = "sign in with a browser and pass its cookies with --cookies FILE"

QUERY = (
    "sign in with a browser and pass its cookies with --cookies FILE. If the credentials are in the query of the URL,"
    " check in the log of the server that the query arrives"
)

CREDENTIALS = "pass the credentials that the browser asks for with --header 'Authorization: ...'"

DIRECT = (
    "connect to DSS directly, at its own port, without the proxy: if the WebSocket opens there, the proxy is the cause"
)

GENTLY = (
    "find the limit on requests in the log of the proxy that sent 429. Wait until it lets requests through, then test"
    " with diagnose --gentle, which sends one request at a time"
)

ISSUER = "compare the issuer of the certificate with the one on a computer that reaches DSS without the forward proxy"

LIMIT = (
    "look in the proxy log, at the time of this test, for a limit on requests or connections, or for a server that is"
    " down. Test again when fewer users are connected"
)

MOMENT = (
    "run diagnose again, because a handshake that failed at first succeeded a moment later. Look in the proxy log for"
    " the reason: a limit was reached, for example, or DSS was down"
)

QUEUE = (
    "check in the statistics of the proxy whether its connections or its queue are full (HAProxy: maxconn and Queue,"
    " Apache httpd: server-status). Test again when fewer users are connected. If it works then, raise the limit,"
    " otherwise check whether DSS runs"
)

NOBODY = (
    "find out which program sent the response, because it is empty or tiny. Look for the request in the DSS log, and in"
    " the proxy config for the rule that this URL matches"
)

ONE_PAGE = (
    "look for the request in the log of the server, because this URL gets the same page as /. If it is missing there,"
    " the proxy has one page for every URL (try_files, a sign-in), rewrites the URL, or knows the server by another"
    " host name. Add a rule for WebSocket URLs. Otherwise make the proxy forward Upgrade and Connection"
)

OTHER_PATH = (
    "look for the request in the log of the server. If its path is not that of the URL, correct it in the proxy config"
    " (nginx and Apache httpd: the slash at the end of proxy_pass or ProxyPass). If it is, make the proxy forward"
    " Upgrade and Connection"
)

TIMEOUTS = "ask for the limits of every proxy: an idle timeout and a maximum connection lifetime both look like this"

RESTART = (
    "run this test again, for longer: if every WebSocket lasts equally long, look for a timeout, and otherwise for"
    " restarts in the logs"
)

MOVED = "test the URL that the page redirects to: diagnose {url}"
"""The advice for a site that redirects everything to another."""

NOT_DSS = (
    "the health check of DSS is missing, so this may not be DSS, or the proxy may know DSS by another host name."
    " Compare the URL with the one in your browser. To test another site, pass the URL of its WebSocket, which begins"
    " with ws"
)
"""The advice for a site that does not look like DSS."""

DEFAULT_PAGE = (
    "every URL gets the default page of {program}, so this is not DSS, or the proxy knows DSS by another host name."
    " Compare the URL with the one in your browser, and the host name with the names in the proxy config"
)
"""The advice for a proxy that has no site by this name."""
