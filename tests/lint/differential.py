"""Compare the verdict of the lint with what a real proxy does, on random configs."""

import random

from checks.lab.process import free_port
from checks.lint import KINDS, TITLES, Options, rules
from checks.lint.judge import judge
from lint import grammar_apache, grammar_haproxy, real
from lint.grammar_nginx import Grammar

ADDRESSES = ["/dip/websocket", "/jupyter/api/kernels/00000000-0000-0000-0000-000000000000/channels"]


def verdict(text, kind, version, address):
    """Return whether the lint expects a WebSocket to open, or None if unknown."""
    module = KINDS[kind]
    options = Options("dss", version)
    found = module.model(module.read(text, "x"), options)
    found.routes = [route for route in found.routes if route.address == address]
    if not found.routes:
        return False
    report = judge(found, options, [rule for rule in rules() if rule["id"] != "path-changed"], "x", TITLES)
    if any(each.severity == "broken" for each in report.findings):
        return False
    if any(each.rule in {"http-1-0", "http-1-0-written"} for each in report.findings):
        return False  # the server of these tests is strict
    return True if report.decided else None


def nginx_batches(build, seed, batches, size, server):
    """Yield (config, address, what the lint says, what happened) for random configs."""
    chance = random.Random(seed)
    for _ in range(batches):
        grammar = Grammar(chance, server.port)
        http = grammar.http()
        blocks = {}
        for _ in range(size):
            port = free_port()
            block = grammar.server(port)
            if port not in blocks and not real.nginx_loads(build, real.nginx_config(block, http)):
                blocks[port] = block
        with real.nginx(build, real.nginx_config("\n".join(blocks.values()), http), list(blocks)):
            for port, block in blocks.items():
                for address in ADDRESSES:
                    text = f"events {{ }}\nhttp {{\n{http}\n{block}\n}}\n"
                    yield text, address, verdict(text, "nginx", build.version, address), real.handshake(port, address)


HAPROXY = """global
    log stderr format raw local0 emerg
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
"""


def haproxy_batches(build, seed, batches, size, server):
    """Yield (config, address, what the lint says, what happened) for random configs."""
    chance = random.Random(seed)
    for _ in range(batches):
        grammar = grammar_haproxy.Grammar(chance, server.port)
        blocks = {}
        while len(blocks) < size:
            port = free_port()
            blocks.setdefault(port, grammar.config(port, len(blocks)))
        with real.haproxy(build, HAPROXY + "\n".join(blocks.values()) + "\n", list(blocks)):
            for port, block in blocks.items():
                for address in ADDRESSES:
                    text = HAPROXY + block
                    yield text, address, verdict(text, "haproxy", build.version, address), real.handshake(port, address)


def apache_batches(build, seed, batches, size, server):
    """Yield (config, address, what the lint says, what happened) for random configs."""
    chance = random.Random(seed)
    second = real.Server()
    for _ in range(batches):
        grammar = grammar_apache.Grammar(chance, [server.port, second.port])
        blocks = {}
        while len(blocks) < size:
            port = free_port()
            blocks.setdefault(port, grammar.host(port))
        with real.apache(build, "\n".join(blocks.values()) + "\n", list(blocks)):
            for port, block in blocks.items():
                for address in ADDRESSES:
                    yield (
                        block,
                        address,
                        verdict(block, "apache", build.version, address),
                        real.handshake(port, address),
                    )


__all__ = ["apache_batches", "haproxy_batches", "nginx_batches", "verdict"]
