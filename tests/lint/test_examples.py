"""The example of each rule breaks on the real proxy; its near miss does not."""

import re
import tomllib

import pytest
from support.machine import every, require
from support.proof import ROOT

from checks.lab.process import LabError, free_port
from checks.lint import Options, lint_text, rules

from . import real

FOLDER = ROOT / "checks" / "lint" / "examples"
EXAMPLES = {path.stem: tomllib.loads(path.read_text()) for path in sorted(FOLDER.glob("*.toml"))}
UP2 = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"
UP = f"{UP2} proxy_set_header Host $http_host;"

IN_THE_RECIPES = {
    *("policy-blocks", "header-size", "connections", "reload", "password-socket", "proto-from-front"),
    *("tls-missing", "idle-elsewhere", "key-dropped"),
}
"""Rules whose example is a broken example of a recipe, which diagnose confirms on every build."""

NOT_RUN = {
    "host-empty": "HAProxy answers 400 itself",
    "host-usual-port": "needs port 80",
    "host-with-port": "needs port 80",
    "http-2-server": "needs a server that speaks HTTP/2",
    "path-changed": "the server of these tests accepts every path",
    "password": "only Safari is affected",
    "removed": "only HAProxy before 2.1 starts",
    "scheme-missing": "WebSocket is not affected",
    "scheme-wrong": "WebSocket is not affected",
    "upgrade-parameter": "only httpd before 2.4.47 is affected",
    "upgrade-wrong": "HAProxy drops other values",
}
"""Rules without an example of their own for some proxy, each with the reason."""


def filled(text, port, server):
    return text.replace("UP2", UP2).replace("UP ", f"{UP} ").replace("PORT", port).replace("SERVER", server)


def linted(kind, example, text):
    text = filled(text, example.get("port", "80"), "10.0.0.1:11000")
    if kind == "nginx":
        text = f"events {{}} http {{ {text} }}"
    if kind == "apache":
        text = f"<VirtualHost *:80>\n{text}\n</VirtualHost>"
    return {each.rule: each for each in lint_text(text, "x", kind, Options("dss", example.get("version", ""))).findings}


CASES = [(kind, rule) for kind, examples in EXAMPLES.items() for rule in examples]


@pytest.mark.quick
@pytest.mark.parametrize(("kind", "rule"), CASES)
def test_the_lint_reports_the_example_and_not_the_near_miss(kind, rule):
    example = EXAMPLES[kind][rule]
    assert rule in linted(kind, example, example["breaks"])
    near = linted(kind, example, example["near"])
    assert rule not in near
    assert not [each for each in near.values() if each.severity == "broken"]


@pytest.mark.quick
def test_every_rule_has_an_example_or_a_reason():
    known = IN_THE_RECIPES | set(NOT_RUN)
    missing = [
        f"{kind}: {rule['id']}"
        for rule in rules()
        for kind in rule["proxies"]
        if kind in EXAMPLES and rule["id"] not in EXAMPLES[kind] and rule["id"] not in known
    ]
    assert not missing


@pytest.mark.quick
def test_every_rule_names_a_source_that_can_be_looked_up():
    vague = [each["id"] for each in rules() if not re.search(r"RFC \d+, section \d|^[\w.-]+\.\w+/\S", each["source"])]
    assert not vague


def started(kind, build, text, port):
    """Run one config; return nothing if the proxy does not start."""
    if kind == "nginx":
        return real.nginx(build, real.nginx_config(text), [port])
    if kind == "haproxy":
        head = (
            ""
            if "defaults" in text
            else "defaults\n mode http\n timeout client 60s\n timeout server 60s\n timeout connect 5s\n"
        )
        return real.haproxy(build, f"global\n log stderr format raw local0 emerg\n{head}{text}\n", [port])
    return real.apache(build, f"<VirtualHost 127.0.0.1:{port}>\n{text}\n</VirtualHost>", [port])


def seen(kind, build, example, text, server):
    """Return what happens: `dead`, `opens`, `drops`, or one of two others."""
    port = free_port()
    place = f"127.0.0.1:{port}"
    try:
        with started(kind, build, filled(text, place, f"127.0.0.1:{server.port}"), port):
            first = real.handshake(port, idle=1.5 if example.get("drops") else 0.0)
            if not first.opened:
                return "dead"
            if first.detail:
                return "drops"
            if not real.handshake(port, firefox=True).opened:
                return "refused by Firefox"
            return "opens" if real.same_origin(server.requests[-1]) else "other Host"
    except LabError:
        return "dead"


EXPECTED = {"broken": {"dead"}, "note": {"opens"}, "endangers": {"drops", "other Host"}}


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_each_example_breaks_on_the_real_proxy(kind):
    build = every(kind)[-1]
    require(build)
    server, severities = real.Server(), {rule["id"]: rule["severity"] for rule in rules()}
    wrong = []
    for rule, example in EXAMPLES[kind].items():
        if "wrong_path" in example:
            continue
        if tuple(map(int, example.get("before", "999").split("."))) < build.release:
            continue
        breaks = seen(kind, build, example, example["breaks"], server)
        near = seen(kind, build, example, example["near"], server)
        known = EXPECTED.get(severities[rule], {"dead", "opens", "refused by Firefox"})
        if breaks not in known or near not in {"opens", "other Host"}:
            wrong.append(f"{rule}: the example {breaks}, the near miss {near}")
    server.close()
    assert not wrong
