"""Evidence for and against: WebSocket over HTTP/2 fails."""

from support.evidence import CLOSED, TIMED_OUT, over_http2, response

from checks.evidence import Response

FIRES = {
    "502": over_http2(response(502)),
    "a reset stream": over_http2(Response(error="the stream was reset with error 2")),
    "no response": over_http2(TIMED_OUT),
}

QUIET = {
    "403 over HTTP/1.1 too": over_http2(response(403), over_http1=response(403)),
    "closed before the server offered it": over_http2(CLOSED, sent=()),
}
