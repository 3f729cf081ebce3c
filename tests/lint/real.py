"""Run configs on real proxies, and see what happens to a WebSocket.

Many configs share one start of a proxy: each is a server on its own port. `opened` sends one raw handshake as a browser
does, and compares everything that a browser compares.
"""

import base64
import contextlib
import hashlib
import os
import re
import select
import socket
import subprocess
import threading

from checks.lab.builds import library_path
from checks.lab.process import is_listening, running, unprivileged, workspace

TIMEOUT = 8
"""Seconds to wait for a proxy that may be busy."""

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Server:
    """An echo server that is strict, and that keeps its requests.

    `strict` also rejects HTTP/1.0. A path that begins with /origin compares Origin with Host, as Jupyter does. One
    that is `late` waits with each response until the proxy gives up, or for a second.
    """

    def __init__(self, *, late=False):
        self.late = late
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.socket.getsockname()[1]
        self.requests = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with contextlib.suppress(OSError), client:
            client.settimeout(20)
            while head := read_head(client):
                request = parsed(head)
                self.requests.append(request)
                if not self._upgraded(client, request):
                    if request.version == "HTTP/1.0":
                        return
                    continue
                data = b""
                while piece := client.recv(65536):
                    data += piece
                    while len(data) > 1 and len(data) >= 6 + (data[1] & 127):
                        client.sendall(echoed(data))
                        data = data[6 + (data[1] & 127) :]
                return

    def _upgraded(self, client, request):
        if self.late and select.select([client], [], [], 1)[0]:
            return False
        status = refusal(request)
        if status:
            client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            return False
        accept = accept_of(request.header("sec-websocket-key"))
        client.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        return True


class Names:
    """A name server on UDP that has 127.0.0.1 for every name."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, client = self.socket.recvfrom(512)
                question = query[12:]
                end = question.index(b"\0") + 5
                is_a = question[end - 4 : end - 2] == b"\0\x01"
                answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01" if is_a else b""
                head = query[:2] + b"\x81\x80\0\x01\0" + bytes([is_a]) + b"\0\0\0\0"
                self.socket.sendto(head + question[:end] + answer, client)


class Parsed:
    def __init__(self, method, path, version, headers):
        self.method, self.path, self.version, self.headers = method, path, version, headers

    def header(self, name):
        return ", ".join(value for key, value in self.headers if key == name.lower())


def refusal(request):
    """Return the status of a refused handshake, or nothing."""
    if request.version != "HTTP/1.1":
        return "505 HTTP Version Not Supported"
    if request.method != "GET" or len([key for key, _ in request.headers if key == "host"]) != 1:
        return "400 Bad Request"
    if request.header("upgrade").lower() != "websocket":
        return "426 Upgrade Required"
    if "upgrade" not in [part.strip().lower() for part in request.header("connection").split(",")]:
        return "426 Upgrade Required"
    if request.header("sec-websocket-version") != "13":
        return "426 Upgrade Required"
    if len(request.header("sec-websocket-key")) != 24:
        return "400 Bad Request"
    return ""


def same_origin(request):
    """Return whether Jupyter accepts Origin."""
    origin = request.header("origin")
    return not origin or re.sub(r"^\w+://", "", origin) == request.header("host")


def read_head(client):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return b""
        data += piece
    return data


def parsed(head):
    lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, path, version = [*lines[0].split(" "), "", ""][:3]
    pairs = [line.partition(":") for line in lines[1:]]
    return Parsed(method, path, version, [(key.strip().lower(), value.strip()) for key, _, value in pairs])


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def echoed(data):
    """Return a text frame of a client without its mask."""
    length = data[1] & 127
    mask, body = data[2:6], data[6 : 6 + length]
    return bytes([data[0], length]) + bytes(byte ^ mask[number % 4] for number, byte in enumerate(body))


class Result:
    """What a browser sees: the status, and whether the socket opened."""

    def __init__(self, status, *, opened, detail=""):
        self.status, self.opened, self.detail = status, opened, detail

    def __repr__(self):
        return f"{self.status} {'opened' if self.opened else 'not opened'} {self.detail}".strip()


def handshake(port, path="/dip/websocket", *, host="", firefox=False, idle=0.0):
    """Open a WebSocket as a browser does, and send a message.

    With `idle`, wait that many seconds and send another one. The WebSocket may then drop at any time, on a busy machine
    also before the first message.
    """
    host = host or f"localhost:{port}"
    key = base64.b64encode(os.urandom(16)).decode()
    connection = "keep-alive, Upgrade" if firefox else "Upgrade"
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\nUpgrade: websocket\r\n"
        f"Origin: http://{host}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
            client.sendall(request.encode())
            data = read_head(client)
            head, _, rest = data.partition(b"\r\n\r\n")
            reply = parsed(head + b"\r\n\r\n")
            status = reply.path
            if status != "101":
                return Result(status, opened=False)
            if reply.header("upgrade").lower() != "websocket" or "upgrade" not in reply.header("connection").lower():
                return Result(status, opened=False, detail="101 without Upgrade")
            if reply.header("sec-websocket-accept") != accept_of(key):
                return Result(status, opened=False, detail="wrong Sec-WebSocket-Accept")
            if not echoes(client, rest):
                return Result(status, opened=bool(idle), detail="dropped" if idle else "no echo")
            return Result(status, opened=True, detail="dropped" if idle and not survives(client, idle) else "")
    except OSError as error:
        return Result("", opened=False, detail=type(error).__name__)


def survives(client, seconds):
    """Return whether a WebSocket still works after a pause."""
    client.settimeout(seconds)
    try:
        if not client.recv(10):
            return False
    except TimeoutError:
        client.settimeout(TIMEOUT)
        return echoes(client, b"")
    return False


def echoes(client, data):
    """Return whether a message comes back."""
    with contextlib.suppress(OSError):
        client.sendall(bytes([0x81, 0x82, 1, 2, 3, 4, ord("h") ^ 1, ord("i") ^ 2]))
        while len(data) < 4:
            piece = client.recv(100)
            if not piece:
                return False
            data += piece
    return data[:4] == b"\x81\x02hi"


@contextlib.contextmanager
def started(build, arguments, ports, folder):
    """Run a proxy until the block ends; raises LabError if it does not start."""
    with running([build.path, *arguments], folder, build.program, library_path(build.libraries), 0.3) as process:
        process.wait_until(lambda: all(map(is_listening, ports)), seconds=10)
        yield process


def nginx_config(servers, http="", main=""):
    """Return a whole nginx.conf around servers."""
    return f"""{main}
daemon off; pid nginx.pid; error_log stderr warn; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path t1; proxy_temp_path t2;
    fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    server_names_hash_bucket_size 256; variables_hash_max_size 2048;
    {http}
    {servers}
}}
"""


def nginx_loads(build, config):
    """Return what nginx complains about in a config, or nothing."""
    with workspace() as folder:
        (folder / "nginx.conf").write_text(config)
        done = subprocess.run(
            [build.path, "-t", "-p", folder, "-c", folder / "nginx.conf"], capture_output=True, text=True, check=False
        )
        return "" if not done.returncode else done.stderr


@contextlib.contextmanager
def nginx(build, config, ports):
    """Run nginx with a whole config."""
    with workspace() as folder:
        (folder / "nginx.conf").write_text(config)
        log = ["-e", "stderr"] if build.release >= (1, 19, 5) else []
        with started(build, ["-p", folder, "-c", folder / "nginx.conf", *log], ports, folder) as process:
            yield process


@contextlib.contextmanager
def haproxy(build, config, ports):
    """Run HAProxy with a whole config."""
    with workspace() as folder:
        (folder / "haproxy.cfg").write_text(config)
        with started(build, ["-f", folder / "haproxy.cfg", "-db"], ports, folder) as process:
            yield process


MODULES = [
    "unixd",
    "version",
    "mpm_event",
    "authn_core",
    "authn_file",
    "auth_basic",
    "authz_core",
    "authz_user",
    "alias",
]
MODULES += ["env", "setenvif", "headers", "rewrite", "proxy", "proxy_http", "proxy_wstunnel", "proxy_balancer", "dir"]
MODULES += ["slotmem_shm", "lbmethod_byrequests", "deflate", "filter", "access_compat", "authz_host", "allowmethods"]


def apache_config(build, folder, body, ports, without=("proxy_wstunnel",)):
    """Return a whole httpd.conf around virtual hosts."""
    places = [build.root / "usr/lib/apache2/modules", build.path.parent.parent / "modules"]
    where = next(place for place in places if place.exists())
    loads = [
        f"LoadModule {name}_module {where}/mod_{name}.so"
        for name in MODULES
        if name not in without and (where / f"mod_{name}.so").exists()
    ]
    listens = [f"Listen 127.0.0.1:{port}" for port in ports]
    return (
        "\n".join(
            [
                f"ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\nMutex file:{folder} default",
                "ErrorLog /dev/stderr",
                "LogLevel emerg\nServerName proxy.example.com\nUser #65534\nGroup #65534",
                *loads,
                "StartServers 1\nThreadsPerChild 25\nMaxRequestWorkers 150",
                *listens,
                body,
            ]
        )
        + "\n"
    )


@contextlib.contextmanager
def apache(build, body, ports, without=("proxy_wstunnel",)):
    """Run Apache httpd with virtual hosts."""
    with workspace() as folder:
        config = apache_config(build, folder, body, ports, without)
        (folder / "httpd.conf").write_text(config)
        with started(build, ["-f", folder / "httpd.conf", "-D", "FOREGROUND"], ports, folder) as process:
            yield process


CADDY = """{
	admin off
	auto_https off
	default_bind 127.0.0.1
	log {
		level ERROR
	}
}
"""


@contextlib.contextmanager
def caddy(build, config, ports):
    """Run Caddy with sites."""
    with workspace() as folder:
        (folder / "Caddyfile").write_text(CADDY + config + "\n")
        homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
        command = [build.path, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]
        with running(command, folder, build.program, homes, 0.3) as process:
            process.wait_until(lambda: all(map(is_listening, ports)), seconds=10)
            yield process


TRAEFIK = """global: {{ checkNewVersion: false, sendAnonymousUsage: false }}
log: {{ level: ERROR }}
ping: {{ manualRouting: true }}
entryPoints: {{ web: {{ address: "127.0.0.1:{port}" }} }}
providers: {{ providersThrottleDuration: 10ms, file: {{ directory: "{folder}/dynamic" }} }}
"""
READY = "http: { routers: { ready: { rule: Path(`/ready`), service: ping@internal, priority: 1000 } } }\n"


@contextlib.contextmanager
def traefik(build, config, ports):
    """Run Traefik with a dynamic configuration, in YAML or TOML."""
    name = "dynamic.toml" if config.lstrip().startswith("[") else "dynamic.yml"
    with workspace() as folder:
        (folder / "dynamic").mkdir()
        (folder / "dynamic" / name).write_text(config)
        (folder / "dynamic" / "ready.yml").write_text(READY)
        (folder / "traefik.yml").write_text(TRAEFIK.format(port=ports[0], folder=folder))
        command = [build.path, f"--configFile={folder / 'traefik.yml'}"]
        with running(command, folder, build.program, {}, 0.3) as process:
            process.wait_until(lambda: status(ports[0], "/ready") == "200", seconds=10)
            yield process


@contextlib.contextmanager
def envoy(build, config, ports):
    """Run Envoy with a whole config."""
    with workspace() as folder:
        (folder / "envoy.yaml").write_text(config)
        more = ["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"]
        with started(build, ["-c", folder / "envoy.yaml", *more], ports, folder) as process:
            yield process


SQUID = """pid_filename {folder}/squid.pid
cache_log /dev/null
access_log none
netdb_filename none
coredump_dir {folder}
visible_hostname proxy.example.com
dns_nameservers 127.0.0.1
pinger_enable off
max_filedescriptors 4096
cache_effective_user nobody
shutdown_lifetime 0 seconds
cache deny all
mime_table {root}/usr/share/squid/mime.conf
icon_directory {root}/usr/share/squid/icons
error_directory {root}/usr/share/squid/errors/templates
unlinkd_program {root}/usr/lib/squid/unlinkd
"""


@contextlib.contextmanager
def squid(build, config, ports):
    """Run Squid with the lines that are about requests."""
    with workspace() as folder:
        (folder / "squid.conf").write_text(SQUID.format(folder=folder, root=build.root) + config + "\n")
        command = [*unprivileged(folder), build.path, "-N", "-d1", "-n", f"lint{ports[0]}", "-f", folder / "squid.conf"]
        with running(command, folder, build.program, library_path(build.libraries), 5) as process:
            process.wait_until(lambda: all(map(is_listening, ports)), seconds=10)
            yield process


def status(port, path):
    """Return the status of a page, or nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
            return parsed(read_head(client) or b"\r\n\r\n").path
    except OSError:
        return ""


HAPROXY = "global\n log stderr format raw local0 emerg\n"
DEFAULTS = "defaults\n mode http\n timeout client 60s\n timeout server 60s\n timeout connect 5s\n"


def one(kind, build, text, port):
    """Run the lines of an example, whose port for users is `port`."""
    if kind == "nginx":
        return nginx(build, nginx_config(text), [port])
    if kind == "haproxy":
        return haproxy(build, f"{HAPROXY}{'' if 'defaults' in text else DEFAULTS}{text}\n", [port])
    if kind == "apache":
        return apache(build, f"<VirtualHost 127.0.0.1:{port}>\n{text}\n</VirtualHost>", [port])
    return {"caddy": caddy, "traefik": traefik, "envoy": envoy, "squid": squid}[kind](build, text, [port])
