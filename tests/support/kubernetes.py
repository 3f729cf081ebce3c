"""A stand-in for the API of Kubernetes, for a controller outside of a cluster."""

import base64
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import yaml

KINDS = (
    *("ConfigMap", "EndpointSlice", "IngressClass", "Ingress", "Namespace", "Node", "Secret", "Service"),
    *("BackendTLSPolicy", "GatewayClass", "Gateway", "GRPCRoute", "HTTPRoute", "ListenerSet", "ReferenceGrant"),
    *("TCPRoute", "TLSRoute"),
    *("IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Middleware", "MiddlewareTCP", "ServersTransport"),
    *("ServersTransportTCP", "TLSOption", "TLSStore", "TraefikService"),
)
"""What Traefik watches: the kinds of Kubernetes, of the Gateway API, and its own."""

CLUSTER = {"GatewayClass", "IngressClass", "Namespace", "Node"}
"""The kinds without a namespace."""

ENDS_THE_LIST = {"k8s.io/initial-events-end": "true"}
"""The annotation of the bookmark after which a watch has sent everything that exists."""


def plural(kind):
    """Return the name of a kind in URLs."""
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("cy") else f"{name}es" if name.endswith("s") else f"{name}s"


BY_RESOURCE = {plural(kind): kind for kind in KINDS}


def documents(path, replaced):
    """Return the objects of a manifest, with some of its values replaced."""
    text = path.read_text()
    for old, new in replaced.items():
        assert old in text, f"{path.name} has no {old!r}: name a part that it has"
        text = text.replace(old, new)
    return list(yaml.safe_load_all(text))


def secret(name, certificate, key):
    """Return a Secret with a certificate and its key, both in PEM."""
    encoded = {file: base64.b64encode(pem).decode() for file, pem in (("tls.crt", certificate), ("tls.key", key))}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/tls",
        "data": encoded,
    }


def with_defaults(entry):
    """Fill in what the schema of the Gateway API declares as defaults."""
    spec = entry["spec"]
    for listener in spec.get("listeners", []):
        listener.setdefault("allowedRoutes", {"namespaces": {"from": "Same"}})
        for reference in listener.get("tls", {}).get("certificateRefs", []):
            listener["tls"].setdefault("mode", "Terminate")
            reference.update({"group": "", "kind": "Secret"} | reference)
    for reference in spec.get("parentRefs", []):
        reference.update({"group": "gateway.networking.k8s.io", "kind": "Gateway"} | reference)
    for rule in spec.get("rules", []):
        rule.setdefault("matches", [{"path": {"type": "PathPrefix", "value": "/"}}])
        for reference in rule.get("backendRefs", []):
            reference.update({"group": "", "kind": "Service", "weight": 1} | reference)


def stored(entry, number):
    """Return an object with the fields that the API adds to it."""
    if entry["apiVersion"].startswith("gateway."):
        with_defaults(entry)
    added = {
        "uid": f"uid-{number}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    if entry["kind"] not in CLUSTER:
        added["namespace"] = "default"
    kept = {**entry, "metadata": {**added, **entry["metadata"]}}
    if entry["kind"] == "Service":
        ports = [{"protocol": "TCP", **port} for port in entry["spec"]["ports"]]
        kept["spec"] = {"clusterIP": "10.0.0.1", "type": "ClusterIP", **entry["spec"], "ports": ports}
    return kept


class Handler(BaseHTTPRequestHandler):
    """Answer a client with the objects of the server."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/version":
            self.respond({"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
            return
        kind, version, name = self.asked(url.path)
        found = [entry for entry in self.server.kept if (entry["kind"], entry["apiVersion"]) == (kind, version)]
        query = parse_qs(url.query)
        if name:
            self.respond(next(entry for entry in found if entry["metadata"]["name"] == name))
        elif "watch" in query:
            self.watch(found if "sendInitialEvents" in query else [], kind, version)
        else:
            listed = {"kind": f"{kind}List", "apiVersion": version, "metadata": {"resourceVersion": "1"}}
            self.respond({**listed, "items": found})

    def do_PUT(self):
        """Take a new status of an object, and forget it."""
        self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def asked(self, path):
        """Return the kind, the version and the name of what a URL is about."""
        parts = path.strip("/").split("/")
        version, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
        rest = rest[2:] if rest[0] == "namespaces" and len(rest) > 2 else rest
        return BY_RESOURCE[rest[0]], version, "".join(rest[1:2])

    def respond(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def watch(self, found, kind, version):
        """Send what exists, then nothing until the end."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.close_connection = True
        last = {"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": "1", "annotations": ENDS_THE_LIST}}
        added = [{"type": "ADDED", "object": entry} for entry in found]
        for event in [*added, {"type": "BOOKMARK", "object": last}]:
            self.wfile.write(json.dumps(event).encode() + b"\n")
        self.server.ends.wait()

    def log_message(self, *_):
        """Print nothing."""


@contextlib.contextmanager
def api(*entries):
    """Serve objects as the API of Kubernetes does; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.kept = [stored(entry, number) for number, entry in enumerate(entries)]
        server.ends = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.ends.set()
            server.shutdown()
