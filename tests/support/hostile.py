"""Run `diagnose` on a hostile peer, and check what holds for every peer.

It keeps its limits, its text is readable, and it names no wrong cause.
"""

import contextlib
import re
import subprocess
import sys
import time
import unicodedata
from dataclasses import dataclass, field
from typing import Any

import pytest

from checks import findings
from checks.cli import main
from checks.evidence import Evidence
from checks.lab.process import SCALE
from support.certificates import AUTHORITY, TLS
from support.proof import ROOT
from support.server import scripted_server

TIMEOUT = 0.7 * SCALE
"""Seconds that `diagnose` waits for one response."""

PATIENT = (f"--timeout={10 * SCALE:g}",)
"""The option for a peer that responds to everything: only a busy machine makes it slow."""

STAGES = 14
"""The stages that can follow one another, each of which may time out."""

GRACE = 8 * SCALE
"""Seconds that a busy machine may add; a survey that never ends takes far longer."""

MEMORY = 60
"""MB that a hostile peer may cost more than a good one."""

ESCAPES = "\x1b[31m\x1b]0;owned\x07\x9b2J\x7f\x08\u202e"
"""Terminal commands: colour, title, clear the screen (in one byte), delete, backspace, right-to-left text."""

ESCAPES_EVERYWHERE = (
    b"HTTP/1.1 403 No\x9b2J\xc2\x85\r\nServer: x\x9b2J\xc2\x85\r\nVia: 1.1 y\x9b31m\r\n\r\n" + ESCAPES.encode()
)
"""A response with terminal commands in its reason, its headers and its body."""

JARGON = re.compile(
    r"Traceback|(?<=\w)(?:Error|Exception)\b|role=|state=|event type|_[A-Z]{3,}|request line|object at"
    r"|codec can|literal for"
)
"""Text for programmers only."""

SHELL = re.compile(r"diagnose [^\n]*[;|&$`<>()]")
"""A command that users may copy, with characters that are special to a shell."""


@dataclass(frozen=True)
class Case:
    """A hostile peer, and what `diagnose` must report."""

    script: Any
    causes: tuple[str, ...] = ()
    code: int = 1
    proxy: Any = None
    """The script of a forward proxy in front of the peer."""
    raw: bool = False
    """Whether the script reads the request itself."""
    options: tuple[str, ...] = ()
    """Options of `diagnose`, with PROXY for the port of the forward proxy."""
    scheme: str = "http"
    path: str = ""
    tls: Any = field(default=None, repr=False)


def https(script, *causes, tls=TLS, code=1, raw=False, options=()):
    """Return a case with an https URL."""
    return Case(script, causes, code, raw=raw, options=options, scheme="https", tls=tls)


@dataclass(frozen=True)
class Report:
    """What `diagnose` reported about a peer."""

    code: int
    seconds: float
    """How long it took; for a flood, its CPU time, because on a busy machine it gets little."""
    text: str
    evidence: Evidence

    @property
    def causes(self):
        return tuple(finding.id for finding in findings.diagnose(self.evidence).findings)


@contextlib.contextmanager
def running(case, folder):
    """Run the peers of a case; yield the arguments for `diagnose`."""
    authority = folder / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(authority)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(scripted_server(case.script, case.tls, head=not case.raw))
        url = f"{case.scheme}://127.0.0.1:{port}{case.path}"
        arguments = [url, f"--timeout={TIMEOUT:g}", "--ca", str(authority), "--idle=0", *case.options]
        if case.proxy:
            socks = any("=socks" in option for option in case.options)
            proxy = stack.enter_context(scripted_server(case.proxy, head=not socks))
            arguments = [argument.replace("PROXY", str(proxy)) for argument in arguments]
            arguments += [] if "--proxy" in " ".join(arguments) else ["--proxy", f"http://127.0.0.1:{proxy}"]
        yield arguments


def diagnosed(case, folder, capsys, diagnose=main):
    """Return the report of `diagnose` on a case.

    Includes the report on the saved evidence, in every format.
    """
    saved = folder / "saved.json"
    with running(case, folder) as arguments:
        began = time.monotonic()
        try:
            code = diagnose(["diagnose", *arguments, "--save", str(saved)])
        except RecursionError:  # pytest cannot print that traceback
            pytest.fail("the response is nested too deeply", pytrace=False)
        seconds = getattr(diagnose, "seconds", time.monotonic() - began)
    first = capsys.readouterr()
    for form in (["diagnose", "--json"], ["diagnose"], ["note"], ["note", "--plain"]):
        assert main([*form, "--load", str(saved)]) == code, form
    loaded = capsys.readouterr()
    assert first.out in loaded.out
    text = first.out + first.err + loaded.out + loaded.err + saved.read_text()
    return Report(code, seconds, text, Evidence.from_json(saved.read_text()))


def unsafe(text):
    """Return the characters that a terminal may obey."""
    return {sign for sign in text if unicodedata.category(sign)[0] == "C" and sign != "\n"}


def check(case, report):
    """Check a report on a hostile peer."""
    assert report.seconds < STAGES * TIMEOUT + GRACE
    assert unsafe(report.text) == set()
    assert JARGON.findall(report.text) == []
    assert SHELL.findall(report.text) == []
    assert report.causes == case.causes
    assert report.code == case.code


MEASURE = """
import sys, time
from checks.cli import main
code = main(sys.argv[1:])
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(peak, time.process_time(), file=sys.stderr)
sys.exit(code)
"""
"""Runs `diagnose`; prints its peak memory in KB and its CPU time in seconds."""


class Separate:
    """Run `diagnose` in a separate process.

    `memory` is its peak in MB, and `seconds` its CPU time.
    """

    memory = seconds = 0.0

    def __call__(self, arguments):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=200,  # a busy machine is slow
            check=False,
        )
        sys.stdout.write(done.stdout)
        errors, _, measured = done.stderr.rstrip().rpartition("\n")
        assert re.fullmatch(r"\d+ [\d.]+", measured), done.stderr
        sys.stderr.write(errors)
        peak, seconds = measured.split()
        self.memory, self.seconds = int(peak) / 1024, float(seconds)
        return done.returncode
