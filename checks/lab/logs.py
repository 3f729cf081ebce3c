"""Record what proxies log when WebSocket is broken.

`python -m checks logs --write` writes the record, which the symptoms of log lines are tested with.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .process import ROOT, LabError
from .proxy import Proxy, proxy
from .recipe import Recipe
from .standin import StandIn, handshake

RECORD = ROOT / "checks" / "logs.json"

PATH = "/dip/websocket?sessionId=logs"
WAIT = 3.0
"""Seconds that a handshake or an open WebSocket is waited for."""

RELEVANT = re.compile(
    r"/dip/websocket|emerg|crit|alert|\berror|warn|fail|refused|DEAD|ignored|BADREQ|oversized|431 DPE", re.IGNORECASE
)
"""Lines to keep."""

OTHER = re.compile(
    r"/dip/api/ping|deprecated|[Ww]orkers? .*exited|Exiting|exiting;|There is no configured limit|ENVOY_SIGTERM"
    r"|requires TLS|open interface|no automatic HTTPS|could not open error log"
)
"""Lines to leave out: of the lab's health check, of the start and of the end."""

FILLER = re.compile("x{20,}")

ENVOY_FORMAT = (
    r"[%START_TIME%] \"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS%"
    r" %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\"\n"
)
"""The beginning of Istio's format."""

ENVOY_LOG = (
    '{name: log, typed_config: {"@type": type.googleapis.com/'
    "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog,"
    f' log_format: {{text_format_source: {{inline_string: "{ENVOY_FORMAT}"}}}}}}}}'
)

LOGGING = {
    "nginx": ("server {\n", "server {\n    access_log proxy.log;\n    error_log proxy.log info;\n"),
    "apache": (
        "<VirtualHost *:80>\n",
        '<VirtualHost *:80>\n    LogLevel info\n    CustomLog proxy.log "%h %l %u %t \\"%r\\" %>s %b"\n',
    ),
    "haproxy": ("frontend dss\n", "frontend dss\n    log stdout format raw local0 info\n"),
    "envoy": ("          stat_prefix: dss\n", f"          stat_prefix: dss\n          access_log: [{ENVOY_LOG}]\n"),
    "caddy": ("http://dss.example.com {\n", "http://dss.example.com {\n\tlog {\n\t\toutput file access.log\n\t}\n"),
    "lighttpd": ("", '\nserver.modules += ( "mod_accesslog" )\naccesslog.filename = "proxy.log"\n'),
    "traefik": ("", "\naccessLog: {}\n"),
    "squid": ("", "\n"),
}
"""What turns the logs of a proxy on: a line of its config, and what replaces it; nothing stands for the end."""


@dataclass(frozen=True)
class Mistake:
    """A broken example of a recipe, or changes to its config."""

    proxy: str
    cause: str
    broken: str = ""
    """The broken variant, or nothing for the config as published."""
    changes: tuple[tuple[str, str], ...] = ()
    """Texts of the config, and what replaces them. SILENT and CLOSING stand for ports of bad servers."""
    cookies: int = 0
    """Bytes of cookies that the handshake carries."""
    sockets: int = 1
    """How many WebSocket connections are opened, one after the other, and kept open."""
    says: str = ""
    """What the mistake is, if it is not a broken example."""

    @property
    def title(self) -> str:
        """A name for lists."""
        return self.says or self.broken


def _broken(name: str, *causes: str, cookies: int = 0) -> list[Mistake]:
    return [Mistake(name, cause, cause, cookies=cookies) for cause in causes]


NGINX_PASS, APACHE_PASS = "http://DSS_HOST:DSS_PORT;", "http://DSS_HOST:DSS_PORT/"
READ_1S = ("proxy_read_timeout 3600s;", "proxy_read_timeout 1s;")
HAPROXY_SERVER = "    server dss DSS_HOST:DSS_PORT\n"

MISTAKES = [
    *_broken("nginx", "backend-down", "upgrade-not-forwarded", "auth-on-handshake", "redirect-on-handshake"),
    *_broken("nginx", "header-too-large", cookies=7000),
    Mistake("nginx", "idle-timeout", changes=(READ_1S,), says="proxy_read_timeout 1s"),
    Mistake(
        "nginx", "scheme-mismatch", changes=((NGINX_PASS, f"https{NGINX_PASS[4:]}"),), says="https to an HTTP port"
    ),
    Mistake(
        "nginx",
        "connections-exhausted",
        changes=(
            ("server {\n", "limit_conn_zone $binary_remote_addr zone=perip:1m;\nserver {\n"),
            ("    location / {\n", "    location / {\n        limit_conn perip 1;\n"),
        ),
        sockets=2,
        says="limit_conn 1",
    ),
    Mistake(
        "nginx",
        "handshake-unanswered",
        changes=((NGINX_PASS, "http://127.0.0.1:SILENT;"), READ_1S),
        says="the server does not respond",
    ),
    Mistake("nginx", "backend-down", changes=((NGINX_PASS, "http://127.0.0.1:CLOSING;"),), says="the server hangs up"),
    Mistake(
        "nginx",
        "upgrade-not-forwarded",
        changes=(("map $http_upgrade $connection_upgrade", "map $http_upgrade $other"),),
        says="the map block is missing",
    ),
    *_broken("apache", "backend-down", "upgrade-not-forwarded", "http-1-0-upstream", "redirect-on-handshake"),
    *_broken("haproxy", "backend-down", "upgrade-not-forwarded", "auth-on-handshake", "redirect-on-handshake"),
    *_broken("haproxy", "header-too-large", cookies=7000),
    Mistake("haproxy", "idle-timeout", changes=(("timeout tunnel 1h", "timeout tunnel 1s"),), says="timeout tunnel 1s"),
    Mistake(
        "haproxy",
        "handshake-unanswered",
        changes=((HAPROXY_SERVER, "    server dss 127.0.0.1:SILENT\n"), ("timeout server 1h", "timeout server 1s")),
        says="the server does not respond",
    ),
    Mistake(
        "haproxy",
        "backend-down",
        changes=((HAPROXY_SERVER, "    server dss 127.0.0.1:CLOSING\n"),),
        says="the server hangs up",
    ),
    Mistake(
        "haproxy",
        "connections-exhausted",
        changes=((HAPROXY_SERVER, f"    timeout queue 1s\n{HAPROXY_SERVER.rstrip()} maxconn 1\n"),),
        sockets=2,
        says="maxconn 1",
    ),
    Mistake(
        "haproxy",
        "idle-timeout",
        changes=(("    bind :80\n", "    bind :80\n    timeout tunnel 1h\n"),),
        says="timeout tunnel in the frontend",
    ),
    *_broken("envoy", "backend-down", "upgrade-denied", "redirect-on-handshake"),
    *_broken("envoy", "header-too-large", cookies=7000),
    Mistake(
        "envoy",
        "idle-timeout",
        changes=(("timeout: 3600s", "timeout: 3600s, idle_timeout: 1s"),),
        says="idle_timeout: 1s",
    ),
    Mistake(
        "envoy",
        "lifetime-limit",
        changes=(("timeout: 3600s", "timeout: 0s, max_stream_duration: {max_stream_duration: 1s}"),),
        says="max_stream_duration: 1s",
    ),
    Mistake(
        "envoy",
        "connections-exhausted",
        changes=(
            (
                "    type: STRICT_DNS\n",
                "    type: STRICT_DNS\n    circuit_breakers: {thresholds: [{max_requests: 1}]}\n",
            ),
        ),
        sockets=2,
        says="max_requests: 1",
    ),
    Mistake(
        "envoy",
        "handshake-unanswered",
        changes=(("port_value: DSS_PORT", "port_value: SILENT"), ("timeout: 3600s", "timeout: 1s")),
        says="the server does not respond",
    ),
    Mistake(
        "envoy", "backend-down", changes=(("port_value: DSS_PORT", "port_value: CLOSING"),), says="the server hangs up"
    ),
    *_broken("traefik", "backend-down", "upgrade-not-forwarded", "auth-on-handshake", "redirect-on-handshake"),
    *_broken("caddy", "backend-down", "upgrade-not-forwarded", "auth-on-handshake", "redirect-on-handshake"),
    Mistake(
        "caddy",
        "scheme-mismatch",
        changes=(("reverse_proxy DSS_HOST:DSS_PORT", "reverse_proxy https://DSS_HOST:DSS_PORT"),),
        says="https to an HTTP port",
    ),
    *_broken("lighttpd", "backend-down", "upgrade-not-forwarded", "redirect-on-handshake"),
    *_broken("lighttpd", "header-too-large", cookies=7000),
    *_broken("squid", "backend-down"),
]


def record(mistake: Mistake, recipe: Recipe, dss: StandIn) -> tuple[str, list[str]]:
    """Run a proxy with a mistake; return its version and its log lines.

    Raises LabError if the proxy is not available, or logs nothing about it.
    """
    config = recipe.variant(mistake.broken) if mistake.broken else recipe.config(https=False)
    build = recipe.pick(config)
    with bad_servers() as (silent, closing):
        texts = _texts(mistake, recipe, str(silent), str(closing))
        try:
            with proxy(recipe, build, config, dss, changed=texts) as site:
                _use(site, mistake)
                with contextlib.suppress(LabError):
                    site.process.wait_until(lambda: len(_relevant(_log(site))) >= mistake.sockets, seconds=0.5)
                site.process.stop()  # some proxies write their logs only then
                log, hide = _log(site), {str(site.folder): recipe.etc, f"localhost:{site.port}": "dss.example.com"}
        except LabError as error:  # a config that it rejects
            log, hide = str(error), {}
        log = log.replace(f":{silent}", ":11200").replace(f":{closing}", ":11200").replace(f":{dss.port}", ":11200")
    for text, shown in hide.items():
        log = log.replace(text, shown)
    lines = _relevant(log)
    if not lines:
        raise LabError(f"{recipe.title} logs nothing about {mistake.title}:\n{log}")
    return f"{recipe.title} {build.version}", lines


def _relevant(log: str) -> list[str]:
    """Return the lines about the mistake, each once."""
    kept = (line.strip() for line in log.splitlines() if RELEVANT.search(line) and not OTHER.search(line))
    return list(dict.fromkeys(FILLER.sub("xxx", line) for line in kept))


def _texts(mistake: Mistake, recipe: Recipe, silent: str, closing: str) -> dict[Path, str]:
    """Return the changed files of a recipe, with the mistake and with logs."""
    variant = recipe.variant(mistake.broken) if mistake.broken else recipe.config(https=False)
    texts = {recipe.changed(variant): recipe.text(variant)}
    base = recipe.changed(variant)
    for old, new in mistake.changes:
        if old not in texts[base]:
            raise LabError(f"{base.name} has no text {old!r}; change MISTAKES in checks/lab/logs.py")
        texts[base] = texts[base].replace(old, new.replace("SILENT", silent).replace("CLOSING", closing))
    logged = recipe.folder / "static.yml" if recipe.name == "traefik" else base
    texts.setdefault(logged, logged.read_text())
    old, new = LOGGING[recipe.name]
    texts[logged] = texts[logged].replace(old, new, 1) if old else texts[logged] + new
    return texts


def _log(site: Proxy) -> str:
    """Return everything that a proxy has logged."""
    files = [site.folder / name for name in ("proxy.log", "access.log")]
    return site.process.output() + "".join(file.read_text(errors="replace") for file in files if file.exists())


def _use(site: Proxy, mistake: Mistake) -> None:
    """Open WebSocket connections, and wait until each gets a response or is closed."""
    with contextlib.ExitStack() as stack:
        for _ in range(mistake.sockets):
            connection = stack.enter_context(socket.create_connection((site.address, site.port), timeout=WAIT))
            cookies = [f"Cookie: filler={'x' * mistake.cookies}"] if mistake.cookies else []
            with contextlib.suppress(OSError):
                connection.sendall(handshake(PATH, f"localhost:{site.port}", f"Origin: {site.origin}", *cookies))
                opened = b" 101 " in connection.recv(4096)
                while opened and mistake.sockets == 1 and connection.recv(4096):
                    pass


@contextlib.contextmanager
def bad_servers() -> Iterator[tuple[int, int]]:
    """Listen on two ports: one never responds, one closes after a request."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = [server.getsockname()[1] for server in servers]
        thread = threading.Thread(target=_close_each, args=(servers[1],), daemon=True)
        thread.start()
        yield ports[0], ports[1]
        servers[1].shutdown(socket.SHUT_RDWR)
        thread.join()


def _close_each(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(1)
            connection.recv(65536)
