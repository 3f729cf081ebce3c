"""The example of each rule breaks on the real proxy; its near miss does not."""

import re
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.machine import RECIPES, suiting
from support.proof import ROOT

from checks.lab.builds import numbers
from checks.lab.fixes import Change, Fix, apply
from checks.lab.process import LabError, free_port
from checks.lint import Options, lint_text, rules
from checks.lint.judge import advice

from . import real

FOLDER = ROOT / "checks" / "lint" / "examples"
EXAMPLES = {path.stem: tomllib.loads(path.read_text()) for path in sorted(FOLDER.glob("*.toml"))}
UP2 = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"
UP = f"{UP2} proxy_set_header Host $http_host;"
HEAD = """static_resources:
  listeners:
  - address:
      socket_address: { address: HOST, port_value: OWNPORT }
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: dss"""
ROUTER = """name: router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"""
CLUSTER = """  clusters:
  - name: dss
    type: STRICT_DNS
    load_assignment:
      cluster_name: dss
      endpoints: { lb_endpoints: { endpoint: { address: { socket_address: { address: HOST, port_value: SERVERPORT } } } } }
"""
REVERSE = """http_port PORT accel
http_access allow all
cache_peer HOST parent SERVERPORT 0 no-query no-digest originserver"""
REMOVE = "remove this line"

IN_THE_RECIPES = {
    *("policy-blocks", "header-size", "connections", "reload", "password-socket", "proto-from-front"),
    *("tls-missing", "idle-elsewhere", "key-dropped", "reload-closes", "http-2-offered"),
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


def filled(kind, text, port, server):
    """Return an example with its blanks filled."""
    blocks = {"HEAD": HEAD, "ROUTER": ROUTER, "CLUSTER": CLUSTER, "REVERSE": REVERSE}
    for name, value in blocks.items() if kind in {"envoy", "squid"} else ():
        text = text.replace(name, value)
    own, host, other = str(port), "127.0.0.1", str(server)
    place = f":{own}" if kind == "caddy" else f"{host}:{own}"
    text = text.replace("UP2", UP2).replace("UP ", f"{UP} ").replace("OWNPORT", own).replace("SERVERPORT", other)
    text = text.replace("PORT", place).replace("SERVER", f"{host}:{other}").replace("HOST", host)
    return re.sub(r"(?<=[;{}]) +(?=[\w}])", "\n", text) if kind == "nginx" else text


def findings_in(kind, example, text):
    """Return the findings about an example whose blanks are filled, by rule."""
    if kind == "nginx":
        text = f"events {{}} http {{ {text} }}"
    if kind == "apache":
        text = f"<VirtualHost *:80>\n{text}\n</VirtualHost>"
    return {each.rule: each for each in lint_text(text, "x", kind, Options("dss", example.get("version", ""))).findings}


def linted(kind, example, text):
    return findings_in(kind, example, filled(kind, text, example.get("port", "80"), 11000))


CASES = [(kind, name) for kind, examples in EXAMPLES.items() for name in examples]
"""Kinds and names of examples: the rule, and a word if a rule has several."""


def rule_of(name):
    """Return the rule of an example."""
    return name.partition("/")[0]


@pytest.mark.quick
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_lint_reports_the_example_and_not_the_near_miss(kind, name):
    example, rule = EXAMPLES[kind][name], rule_of(name)
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


def seen(proxy, port, server, example, patience=1.5):
    """Return what happens: `dead`, `opens`, `drops`, or one of three others.

    An example that drops WebSocket drops it after 1 s. It has `patience` seconds, because a busy machine is slow.
    """
    try:
        with proxy:
            first = real.handshake(port, idle=patience if example.get("drops") else 0.0)
            if not first.opened:
                return "dead"
            if first.detail:
                return "drops"
            if server.requests[-1].path != "/dip/websocket":
                return "wrong path"
            if not real.handshake(port, firefox=True).opened:
                return "refused by Firefox"
            if example.get("pages"):
                real.status(port, "/")
                return "Upgrade with pages" if server.requests[-1].header("upgrade") else "opens"
            return "opens" if real.same_origin(server.requests[-1]) else "other Host"
    except LabError:
        return "dead"


EXPECTED = {
    "broken": {"dead", "wrong path"},
    "note": {"opens"},
    "endangers": {"drops", "other Host", "Upgrade with pages"},
}


def runs(example, build):
    """Return whether an example is for a build."""
    return numbers(example.get("before", "999")) >= build.release


SEVERITIES = {rule["id"]: rule["severity"] for rule in rules()}


BUILDS = pytest.mark.parametrize(
    ("kind", "build"),
    [(kind, build) for kind in sorted(EXAMPLES) for build in suiting(RECIPES[kind].config(https=False))],
    ids=str,
)
"""The builds that the near misses are written for: those of the published config, whose lines they have."""


def each_in(kind, build, names, wrong_with):
    """Return what is wrong with each example of a kind on a build.

    It runs several at once, because starts and stops are mostly waiting.
    """

    def check(name):
        example = EXAMPLES[kind][name]
        server = real.Server(late=example.get("late", False))
        try:
            wrong = wrong_with(name, server) if runs(example, build) else ""
        finally:
            server.close()
        return f"{name}: {wrong}" if wrong else ""

    with ThreadPoolExecutor(4) as pool:
        return list(filter(None, pool.map(check, names)))


@BUILDS
def test_each_example_breaks_on_the_real_proxy(kind, build):
    def wrong_with(name, server):
        example, port = EXAMPLES[kind][name], free_port()
        broken, unbroken = (
            real.one(kind, build, filled(kind, example[each], port, server.port), port) for each in ("breaks", "near")
        )
        breaks, near = seen(broken, port, server, example, patience=60), seen(unbroken, port, server, example)
        known = EXPECTED.get(SEVERITIES[rule_of(name)], {"dead", "opens", "refused by Firefox"})
        right = breaks in known and near in {"opens", "other Host"}
        return "" if right else f"the example {breaks}, the near miss {near}"

    assert not each_in(kind, build, EXAMPLES[kind], wrong_with)


RULES = {rule["id"]: rule for rule in rules()}
FIXED = [
    (kind, name)
    for kind, name in CASES
    for rule in [RULES[rule_of(name)]]
    if rule.get("fix", {}).get(kind) or advice(rule, kind) == REMOVE
]
"""Kinds and names of examples whose fix says which lines to write, or to remove."""


def fixed(kind, name, port, server):
    """Return an example with the fix of its finding.

    Its lines replace the line of the finding if that is the same setting with another value, and are added below it
    otherwise.
    """
    example = EXAMPLES[kind][name]
    text = filled(kind, example["breaks"], port, server)
    finding = findings_in(kind, example, text)[rule_of(name)]
    place = finding.line - 1 - (kind == "apache")
    line, below = [*text.splitlines(), ""][place : place + 2]
    same = [line.lower().split()[:-1], finding.fix.lower().split()[:-1]]
    if not finding.writes:
        change = Change(remove=line)
    elif same[0] == same[1]:
        change = Change(remove=line, write=finding.fix)
    elif [each.strip() for each in text.splitlines()].count(line.strip()) > 1:  # the next line tells the place
        margin = below[: len(below) - len(below.lstrip())]
        change = Change(remove=f"{line}\n{below}", write=f"{line}\n{margin}{finding.fix}\n{below}")
    else:
        change = Change(below=line, write=finding.fix)
    return apply(Fix(look="", changes=[change]), text)


@pytest.mark.quick
@pytest.mark.parametrize(("kind", "name"), FIXED)
def test_the_lint_does_not_report_an_example_with_its_fix(kind, name):
    found = findings_in(kind, EXAMPLES[kind][name], fixed(kind, name, EXAMPLES[kind][name].get("port", 80), 11000))
    assert rule_of(name) not in found
    assert not [each for each in found.values() if each.severity == "broken"]


@BUILDS
def test_each_example_works_with_its_fix(kind, build):
    names = real.Names()

    def wrong_with(name, server):
        port = free_port()
        text = fixed(kind, name, port, server.port).replace("ADDRESS", names.address)
        result = seen(real.one(kind, build, text, port), port, server, EXAMPLES[kind][name])
        right = {"opens"} if name.startswith("host-") else {"opens", "other Host"}
        return "" if result in right else result

    wrong = each_in(kind, build, [name for own, name in FIXED if own == kind], wrong_with)
    names.close()
    assert not wrong
