"""What the page of Traefik claims: files read again, what it does to requests, labels that say the same."""

import http.client
import json
import time

import pytest
import yaml
from machine import RECIPES, for_each_build
from reader import Reader
from survival import ECHO

from checks.lab.proxy import proxy

TRAEFIK = RECIPES["traefik"]
STATIC = TRAEFIK.folder / "static.yml"
EVERY_BUILD = for_each_build("traefik")


def changed(build, dss, old, new):
    """Run the recipe for HTTP with one thing in its static file changed."""
    text = STATIC.read_text()
    assert old in text
    return proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss, changed={STATIC: text.replace(old, new)})


@pytest.mark.proves("traefik-reads-sites-again-and-leaves-sockets-alone")
@EVERY_BUILD
def test_a_changed_file_is_read_again_and_open_sockets_stay(build, dss):
    with proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss) as site, Reader(site).socket(ECHO) as socket:
        file = site.folder / "dynamic" / "dss.yml"
        file.write_text(file.read_text().replace("Host(`localhost`)", "Host(`other.example.com`)"))
        other = {"Host": "other.example.com"}
        site.process.wait_until(lambda: Reader(site).request("/dip/api/ping", headers=other)[0].status == 200)
        assert Reader(site).request("/dip/api/ping")[0].status == 404
        socket.send("still here")
        assert socket.recv(timeout=20) == "still here"


UNREADABLE = [("routers:", "routers: ["), ("service: dss", "servicex: dss")]
MISTAKEN = [
    ("Host(", "Hosts("),
    ("service: dss", "service: nobody"),
    ("service: dss", "service: dss\n      middlewares: [nobody]"),
]


def ping(site):
    return Reader(site).request("/dip/api/ping")[0].status


def spoil(site, old, new):
    """Change the file of a running site, and wait until the log complains."""
    file, before = site.folder / "dynamic" / "dss.yml", len(site.log())
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    site.process.wait_until(lambda: "ERR" in site.log()[before:])


@pytest.mark.proves("traefik-keeps-a-site-it-cannot-read-again")
@EVERY_BUILD
@pytest.mark.parametrize(("old", "new"), UNREADABLE)
def test_a_changed_file_that_cannot_be_read_changes_nothing(build, old, new, dss):
    with proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss) as site:
        spoil(site, old, new)
        assert ping(site) == 200


@pytest.mark.proves("traefik-drops-a-router-with-a-mistake")
@EVERY_BUILD
@pytest.mark.parametrize(("old", "new"), MISTAKEN)
def test_a_changed_file_with_a_name_that_does_not_exist_takes_the_site_away(build, old, new, dss):
    with proxy(TRAEFIK, build, TRAEFIK.config(https=False), dss) as site:
        spoil(site, old, new)
        site.process.wait_until(lambda: ping(site) == 404)


@pytest.mark.proves("traefik-says-wss-for-sockets")
@EVERY_BUILD
def test_the_request_for_a_socket_says_wss(build, dss):
    with proxy(TRAEFIK, build, TRAEFIK.config(https=True), dss) as site, Reader(site).socket(ECHO) as socket:
        socket.send("headers")
        assert dict(json.loads(socket.recv(timeout=20)))["X-Forwarded-Proto"] == "wss"


@pytest.mark.proves("traefik-changes-addresses-by-itself")
@EVERY_BUILD
def test_without_being_told_two_slashes_become_one(build, dss):
    with changed(build, dss, "sanitizePath: false", "sanitizePath: true") as site:
        _, body = Reader(site).request("/dip/lab/request//a")
    assert b'"target": "/dip/lab/request/a"' in body


@pytest.mark.proves("traefik-read-timeout-ends-uploads")
@EVERY_BUILD
def test_an_upload_that_takes_longer_than_read_timeout_is_ended(build, dss):
    def body():
        for _ in range(20):
            yield bytes(1024)
            time.sleep(0.2)  # the upload is slow

    with changed(build, dss, "readTimeout: 0", "readTimeout: 1s") as site:
        try:
            answer = Reader(site).request("/dip/lab/upload", "POST", body(), {"Content-Length": "20480"})[0].status
        except (OSError, http.client.HTTPException):
            answer = None
    assert answer != 200


@pytest.mark.proves("traefik-redirects-of-dss-lead-back-to-https")
@EVERY_BUILD
def test_a_redirect_of_dss_leads_to_http_and_from_there_back_to_https(build, dss):
    with proxy(TRAEFIK, build, TRAEFIK.config(https=True), dss) as site:
        there = Reader(site).request("/dip/lab/redirect")[0].getheader("Location")
        assert there == f"http://localhost:{site.port}/dip/api/ping"
        response, _ = Reader(site, insecure=True).request("/dip/api/ping", headers={"Host": "localhost"})
        assert (response.status, response.getheader("Location")) == (301, "https://localhost/dip/api/ping")


def test_the_labels_say_what_the_file_says():
    told = {}
    for label, value in yaml.safe_load((TRAEFIK.folder / "labels.yml").read_text())["services"]["dss"][
        "labels"
    ].items():
        *path, last = label.split(".")[1:]
        place = told
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    file = yaml.safe_load(TRAEFIK.config(https=True).read_text())["http"]
    server = file["services"]["dss"]["loadBalancer"]["servers"][0]["url"]
    assert told["http"]["services"]["dss"]["loadbalancer"]["server"] == {"port": server.rpartition(":")[2]}
    assert told["http"]["middlewares"]["to-https"]["redirectscheme"] == {"scheme": "https", "permanent": "true"}
    assert file["middlewares"]["to-https"]["redirectScheme"] == {"scheme": "https", "permanent": True}
    for name, router in file["routers"].items():
        as_labels = {
            key.lower(): ",".join(value) if isinstance(value, list) else value for key, value in router.items()
        }
        if "tls" in as_labels:
            as_labels["tls"] = "true"
        assert told["http"]["routers"][name] == as_labels
