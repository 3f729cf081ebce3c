"""What the usual tools say of a broken way, and what `diagnose` says: the same endpoints, one after the other."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .process import ROOT, SCALE, LabError
from .proxy import Proxy, proxy
from .recipe import recipes
from .standin import stand_in
from .zoo import program, search_path

RESULTS = ROOT / "checks" / "tools.json"
TOOLS = ROOT / ".zoo" / "tools"
WSCAT = "wscat@6.1.0"

ENOUGH = 3.0
"""Seconds (scaled) after which a tool that is still there has its socket open, and is ended."""

KEY = "SGVsbG8sIHdlYnNvY2tldA=="
HANDSHAKE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}"]
PATH = "/dip/websocket?sessionId=tools"
RAISED = re.compile(r"[\w.]+(Exception|Error): ")
"""The line of a traceback that says what happened; a server's whole page may stand below it."""

COLOURS = re.compile(r"\x1b(\[[0-9;]*[A-Za-z]|.)")

CASES = (
    ("nginx", ""),
    ("nginx", "upgrade-not-forwarded"),
    ("nginx", "redirect-on-handshake"),
    ("nginx", "auth-on-handshake"),
    ("nginx", "handshake-header-mangled"),
    ("nginx", "accept-mismatch"),
    ("nginx", "csp-blocks"),
    ("nginx", "backend-down"),
    ("envoy", "upgrade-denied"),
    ("envoy", "handshake-unanswered"),
    ("envoy", "h2-websocket"),
)
"""A recipe, and its broken twin; none where everything is as it should be."""


@dataclass(frozen=True)
class Tool:
    """A program that people try a WebSocket with."""

    name: str
    version: str
    command: list[str]
    """What they type, with URL for the address, and HTTP for the same address as curl wants it."""


@dataclass(frozen=True)
class Said:
    """What a tool said of an endpoint."""

    words: str
    """The line that decides: the status line of curl, the last line of a complaint."""
    code: int | None
    """Its exit code; None where it had its socket open, and was ended."""


@dataclass(frozen=True)
class Case:
    """One endpoint, and what was said of it."""

    proxy: str
    twin: str
    said: dict[str, Said]
    found: list[str]
    """The findings that diagnose names."""
    proof: str
    """What diagnose has seen; where it names nothing, what it says to try next."""


def tools() -> list[Tool]:
    """Return the tools with their versions; wscat is brought by npm, once.

    Raises LabError when one cannot be had.
    """
    curl, npm = str(program("curl")), shutil.which("npm")
    wscat = TOOLS / "node_modules" / ".bin" / "wscat"
    if not npm:
        raise LabError("wscat needs npm, which is not on PATH")
    if not wscat.exists():
        TOOLS.mkdir(parents=True, exist_ok=True)
        _output([npm, "install", "--no-audit", "--no-fund", "--prefix", str(TOOLS), WSCAT])
    installed = importlib.metadata.version
    versions = {
        "curl": _output([curl, "--version"]).split()[1],
        "wscat": WSCAT.partition("@")[2],
        "wsdump": installed("websocket-client"),
        "websockets": installed("websockets"),
    }
    return [
        Tool(name, versions[name], command) for name, command in {**here(), "wscat": [str(wscat), "-c", "URL"]}.items()
    ]


def here() -> dict[str, list[str]]:
    """Return the commands of curl, and of the tools that come with requirements.txt."""
    headers = [word for header in HANDSHAKE for word in ("-H", header)]
    return {
        "curl": ["curl", "-isSN", "--http1.1", *headers, "HTTP"],
        "wsdump": [str(Path(sys.executable).with_name("wsdump")), "URL"],
        "websockets": [sys.executable, "-m", "websockets", "URL"],
    }


def cases() -> Iterator[Case]:
    """Run every tool, and diagnose, at every endpoint.

    Raises LabError when a tool or a proxy cannot be had.
    """
    known, asked = recipes(), tools()
    with stand_in() as dss:
        for name, twin in CASES:
            recipe = known[name]
            config = recipe.twin(twin) if twin else recipe.config(https=False)
            build = recipe.pick(config)
            with proxy(recipe, build, config, dss) as site:
                said = {tool.name: ask(tool, site) for tool in asked}
                found, proof = _diagnosed(site)
                yield Case(f"{recipe.title} {build.version}", twin, said, found, proof)


def ask(tool: Tool, site: Proxy) -> Said:
    """Run a tool at the notification socket, as somebody types it, for as long as it takes to see what it says."""
    places = {"URL": f"{site.origin.replace('http', 'ws', 1)}{PATH}", "HTTP": f"{site.origin}{PATH}"}
    command = [places.get(word, word) for word in tool.command]
    # A keyboard on which nobody types.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=_trusting(site), **pipes) as running:  # type: ignore[call-overload]
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(ENOUGH * SCALE)
        still = running.poll() is None
        running.kill()
        text = COLOURS.sub("", running.stdout.read().decode(errors="replace"))
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip(" >\t")]
    first = still or any(line.startswith("HTTP/") for line in lines[:1])
    raised = [line.partition(" -+-+- ")[0] for line in lines if RAISED.match(line)]
    words = (lines[0] if first else [*lines, *raised][-1]) if lines else ""
    return Said(_anywhere(words, site), None if still else running.returncode)


def _trusting(site: Proxy) -> dict[str, str]:
    """Return the environment in which each tool is found and trusts the authority of the lab."""
    names = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "WEBSOCKET_CLIENT_CA_BUNDLE")
    return {**os.environ, **dict.fromkeys(names, str(site.authority)), "PATH": search_path()}


def _diagnosed(site: Proxy) -> tuple[list[str], str]:
    trust = ["--ca", str(site.authority), site.origin]
    command = [sys.executable, "-m", "checks", "diagnose", "--no-proxy", "--json", *trust]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    said = json.loads(ended.stdout)
    proofs = [each["proof"] for each in said["findings"]] or [said["next"]]
    return [each["id"] for each in said["findings"]], _anywhere("; ".join(proofs), site)


def _anywhere(text: str, site: Proxy) -> str:
    """Return the text as it would be anywhere else: the port of the lab is nobody's business."""
    return text.replace(f"localhost:{site.port}", "dss.example.com").replace("localhost", "dss.example.com")


def _output(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if ended.returncode:
        raise LabError(f"{Path(command[0]).name} fails: {(ended.stderr or ended.stdout).strip()[-300:]}")
    return ended.stdout
