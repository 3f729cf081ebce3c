"""What the page of Traefik claims about files, requests and labels."""

import asyncio
import http.client
import json
import threading
import time
from dataclasses import replace

import pytest
import yaml
from support.conformance import ECHO
from support.machine import RECIPES, for_each_build
from support.reader import Reader
from websockets.sync.server import serve

from checks.findings import diagnose
from checks.lab.proxy import proxy
from checks.probe import Target, look

TRAEFIK = RECIPES["traefik"]
STATIC = TRAEFIK.folder / "static.yml"
EVERY_BUILD = for_each_build("traefik")


def changed(build, dss, old, new):
    """Run the recipe for HTTP with a change in its static file."""
    text = STATIC.read_text()
    assert old in text, f"static.yml has no {old!r}: name a part that it has"
    return proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss, changed={STATIC: text.replace(old, new)})


@pytest.mark.proves("traefik-reads-sites-again-and-leaves-sockets-alone")
@EVERY_BUILD
def test_traefik_reads_a_changed_file_and_keeps_websockets(build, dss):
    """Traefik reads a changed file, and keeps WebSocket open."""
    with proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss) as site, Reader(site).socket(ECHO) as socket:
        file = site.folder / "dynamic" / "dss.yml"
        file.write_text(file.read_text().replace("Host(`localhost`)", "Host(`other.example.com`)"))
        other = {"Host": "other.example.com"}
        site.process.wait_until(lambda: Reader(site).request("/dip/api/ping", headers=other)[0].status == 200)
        assert Reader(site).request("/dip/api/ping")[0].status == 404
        socket.send("still here")
        assert socket.recv(timeout=20) == "still here"


NOT_READABLE = [("routers:", "routers: ["), ("service: dss", "servicex: dss")]
UNKNOWN_NAMES = [
    ("Host(", "Hosts("),
    ("service: dss", "service: nobody"),
    ("service: dss", "service: dss\n      middlewares: [nobody]"),
]


def ping(site):
    return Reader(site).request("/dip/api/ping")[0].status


def change_file(site, old, new):
    """Change the file of a running site, and wait for an error in the log."""
    file, before = site.folder / "dynamic" / "dss.yml", len(site.log())
    text = file.read_text()
    assert old in text, f"{file.name} has no {old!r}: name a part that it has"
    file.write_text(text.replace(old, new, 1))
    site.process.wait_until(lambda: "ERR" in site.log()[before:])


@pytest.mark.proves("traefik-keeps-a-site-it-cannot-read-again")
@EVERY_BUILD
@pytest.mark.parametrize(("old", "new"), NOT_READABLE)
def test_a_file_that_cannot_be_parsed_changes_nothing(build, old, new, dss):
    """In Traefik, a file that cannot be parsed changes nothing."""
    with proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss) as site:
        change_file(site, old, new)
        assert ping(site) == 200


@pytest.mark.proves("traefik-drops-a-router-with-a-mistake")
@EVERY_BUILD
@pytest.mark.parametrize(("old", "new"), UNKNOWN_NAMES)
def test_an_unknown_name_in_a_file_removes_its_site(build, old, new, dss):
    """In Traefik, an unknown name in a file removes its site."""
    with proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss) as site:
        change_file(site, old, new)
        site.process.wait_until(lambda: ping(site) == 404)


@pytest.mark.proves("traefik-says-wss-for-sockets")
@EVERY_BUILD
def test_x_forwarded_proto_of_a_handshake_is_wss(build, dss):
    """Traefik sends `X-Forwarded-Proto: wss` with a handshake."""
    with proxy(TRAEFIK, build, TRAEFIK.config(https=True), dss) as site, Reader(site).socket(ECHO) as socket:
        socket.send("headers")
        assert dict(json.loads(socket.recv(timeout=20)))["X-Forwarded-Proto"] == "wss"


def requires_https(connection, request):
    """Redirect a request to HTTPS unless a proxy reports that it used HTTPS."""
    if request.headers.get("X-Forwarded-Proto") != "https":
        found = connection.respond(301, "")
        found.headers["Location"] = f"https://{request.headers['Host']}{request.path}"
        return found
    pages = {"/": "<html>", "/dip/api/ping": "pong"}
    return connection.respond(200, pages[request.path]) if request.path in pages else None


@pytest.mark.proves("wss-in-x-forwarded-proto-redirects-handshakes")
@EVERY_BUILD
@pytest.mark.parametrize(("value", "expected"), [(None, "forwarded-proto"), ("https", "works")])
def test_a_server_that_accepts_https_only_redirects_handshakes(build, value, expected, bare, verdict):
    """Behind Traefik, a server that accepts HTTPS only redirects a handshake."""
    config, server = (
        TRAEFIK.config(https=True),
        serve(
            lambda connection: [connection.send(message) for message in connection],
            "127.0.0.1",
            0,
            process_request=requires_https,
            select_subprotocol=lambda _, offered: next(iter(offered), None),
        ),
    )
    text = config.read_text()
    if value:
        text = text.replace("      tls: {}\n", "      tls: {}\n      middlewares: [proto]\n")
        header = f"headers: {{customRequestHeaders: {{X-Forwarded-Proto: {value}}}}}"
        text = text.replace("  middlewares:\n", f"  middlewares:\n    proto:\n      {header}\n", 1)
    with server:
        threading.Thread(target=server.serve_forever).start()
        behind = replace(bare, port=server.socket.getsockname()[1])
        with proxy(TRAEFIK, build, config, behind, changed={config: text}) as site:
            evidence = asyncio.run(look(Target(site.origin, tls=site.tls)))
        server.shutdown()
    found = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", expected, found)
    assert found == [expected]


@pytest.mark.proves("traefik-changes-addresses-by-itself")
@EVERY_BUILD
def test_by_default_two_slashes_become_one(build, dss):
    """By default, Traefik makes two slashes one."""
    with changed(build, dss, "sanitizePath: false", "sanitizePath: true") as site:
        _, body = Reader(site).request("/dip/lab/request//a")
    assert b'"target": "/dip/lab/request/a"' in body


@pytest.mark.proves("traefik-read-timeout-ends-uploads")
@EVERY_BUILD
def test_readtimeout_ends_a_slow_upload(build, dss):
    """`readTimeout` of Traefik ends a slow upload."""

    def body():
        for _ in range(20):
            yield bytes(1024)
            time.sleep(0.2)  # 4 s in all, so the upload lasts longer than `readTimeout`

    with changed(build, dss, "readTimeout: 0", "readTimeout: 1s") as site:
        try:
            status = Reader(site).request("/dip/lab/upload", "POST", body(), {"Content-Length": "20480"})[0].status
        except (OSError, http.client.HTTPException):
            status = None
    assert status != 200


@pytest.mark.proves("traefik-redirects-of-dss-lead-back-to-https")
@EVERY_BUILD
def test_a_redirect_by_dss_to_http_leads_back_to_https(build, dss):
    """Behind Traefik, a redirect to HTTP leads back to HTTPS."""
    with proxy(TRAEFIK, build, TRAEFIK.config(https=True), dss) as site:
        location = Reader(site).request("/dip/lab/redirect")[0].getheader("Location")
        assert location == f"http://localhost:{site.port}/dip/api/ping"
        response, _ = Reader(site, insecure=True).request("/dip/api/ping", headers={"Host": "localhost"})
        assert response.status == 301
        assert response.getheader("Location") == "https://localhost/dip/api/ping"


def settings_of_labels():
    """Return the HTTP settings in labels.yml as nested dictionaries."""
    services = yaml.safe_load((TRAEFIK.folder / "labels.yml").read_text())["services"]
    settings = {}
    for label, value in services["dss"]["labels"].items():
        *path, last = label.split(".")[1:]
        place = settings
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    return settings["http"]


def as_labels(router):
    """Return a router of a file as labels write it."""
    settings = {key.lower(): ",".join(value) if isinstance(value, list) else value for key, value in router.items()}
    return settings | ({"tls": "true"} if "tls" in settings else {})


def test_the_labels_match_the_file():
    labels = settings_of_labels()
    file = yaml.safe_load(TRAEFIK.config(https=True).read_text())["http"]
    server = file["services"]["dss"]["loadBalancer"]["servers"][0]["url"]
    assert labels["services"]["dss"]["loadbalancer"]["server"] == {"port": server.rpartition(":")[2]}
    assert labels["middlewares"]["to-https"]["redirectscheme"] == {"scheme": "https", "permanent": "true"}
    assert file["middlewares"]["to-https"]["redirectScheme"] == {"scheme": "https", "permanent": True}
    for name, router in file["routers"].items():
        assert labels["routers"][name] == as_labels(router)
