"""Compare `diagnose` with common tools on servers where WebSocket is broken."""

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
from .programs import program, search_path
from .proxy import Proxy, proxy
from .recipe import recipes
from .standin import HANDSHAKE, stand_in

RESULTS = ROOT / "checks" / "tools.json"
TOOLS = ROOT / ".zoo" / "tools"
WSCAT = "wscat@6.1.0"

CONNECTED_AFTER = 3.0
"""Seconds (scaled) after which a tool that still runs has an open WebSocket, or waits, and is killed."""

PATH = "/dip/websocket?sessionId=tools"
EXCEPTION = re.compile(r"[\w.]+(Exception|Error): ")
"""The line of a traceback with the exception; the server's whole page may follow it."""

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
"""A recipe and its broken variant, or no variant for the config as published."""


@dataclass(frozen=True)
class Tool:
    """A program that people test WebSocket with."""

    name: str
    version: str
    command: list[str]
    """The command line. URL stands for the WebSocket URL, and HTTP for the same URL with http, for curl."""


@dataclass(frozen=True)
class Output:
    """The output of a tool for one case."""

    line: str
    """The line that matters: curl's status line, or the last line of an error."""
    exit_code: int | None
    """Its exit code, or None if it still ran after CONNECTED_AFTER."""


@dataclass(frozen=True)
class Case:
    """A proxy, and what each tool and diagnose report about it."""

    proxy: str
    broken: str
    """The id of the broken variant, or nothing for the config as published."""
    outputs: dict[str, Output]
    causes: list[str]
    """The causes that diagnose names."""
    proof: str
    """The evidence for them, or without a cause the next step."""


def tools() -> list[Tool]:
    """Return the tools with their versions; npm installs wscat the first time.

    Raises NotInstalledError if curl is not installed, and LabError if another tool is not available.
    """
    curl, npm = str(program("curl")), shutil.which("npm")
    wscat = TOOLS / "node_modules" / ".bin" / "wscat"
    if not npm:
        raise LabError("npm is not on PATH; wscat needs it, so install Node.js with npm")
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
    commands = {**commands_without_npm(), "wscat": [str(wscat), "-c", "URL"]}
    return [Tool(name, versions[name], command) for name, command in commands.items()]


def commands_without_npm() -> dict[str, list[str]]:
    """Return the commands of curl and of the tools in requirements.txt."""
    headers = [word for header in HANDSHAKE for word in ("-H", header)]
    return {
        "curl": ["curl", "-isSN", "--http1.1", *headers, "HTTP"],
        "wsdump": [str(Path(sys.executable).with_name("wsdump")), "URL"],
        "websockets": [sys.executable, "-m", "websockets", "URL"],
    }


def cases() -> Iterator[Case]:
    """Run every tool, and diagnose, for every case.

    Raises LabError if a tool or a proxy is not available.
    """
    known, installed = recipes(), tools()
    with stand_in() as dss:
        for name, broken in CASES:
            recipe = known[name]
            config = recipe.variant(broken) if broken else recipe.config(https=False)
            build = recipe.pick(config)
            with proxy(recipe, build, config, dss) as site:
                outputs = {tool.name: run_tool(tool, site) for tool in installed}
                causes, proof = _diagnose(site)
                yield Case(f"{recipe.title} {build.version}", broken, outputs, causes, proof)


def run_tool(tool: Tool, site: Proxy, seconds: float = CONNECTED_AFTER) -> Output:
    """Run a tool on the notification WebSocket, at most for this time."""
    urls = {"URL": f"{site.origin.replace('http', 'ws', 1)}{PATH}", "HTTP": f"{site.origin}{PATH}"}
    command = [urls.get(word, word) for word in tool.command]
    # An open input without data, as from a keyboard.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=_environment(site), **pipes) as running:  # type: ignore[call-overload]
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(seconds * SCALE)
        still_runs = running.poll() is None
        running.kill()
        text = COLOURS.sub("", running.stdout.read().decode(errors="replace"))
    return Output(_without_port(_line(text, still_runs=still_runs), site), None if still_runs else running.returncode)


def _line(text: str, *, still_runs: bool) -> str:
    """Return the line that matters of a tool's output."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip(" >\t")]
    if still_runs or any(line.startswith("HTTP/") for line in lines[:1]):
        return lines[0] if lines else ""
    exceptions = [line.partition(" -+-+- ")[0] for line in lines if EXCEPTION.match(line)]
    return [*lines, *exceptions][-1] if lines else ""


def _environment(site: Proxy) -> dict[str, str]:
    """Return an environment in which the tools are found and trust the authority."""
    names = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "WEBSOCKET_CLIENT_CA_BUNDLE")
    return {**os.environ, **dict.fromkeys(names, str(site.authority)), "PATH": search_path()}


def _diagnose(site: Proxy) -> tuple[list[str], str]:
    """Return the causes that diagnose names, and their proofs or the next step."""
    trust = ["--ca", str(site.authority), site.origin]
    command = [sys.executable, "-m", "checks", "diagnose", "--no-proxy", "--json", *trust]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    result = json.loads(ended.stdout)
    proofs = [each["proof"] for each in result["findings"]] or [result["next_step"]]
    return [each["id"] for each in result["findings"]], _without_port("; ".join(proofs), site)


def _without_port(text: str, site: Proxy) -> str:
    """Return the text with dss.example.com instead of the lab's host and port."""
    return text.replace(f"localhost:{site.port}", "dss.example.com").replace("localhost", "dss.example.com")


def _output(command: list[str]) -> str:
    """Return what a command prints; raises LabError if it fails."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if ended.returncode:
        raise LabError(f"{Path(command[0]).name} failed: {(ended.stderr or ended.stdout).strip()[-300:]}")
    return ended.stdout
