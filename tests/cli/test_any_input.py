"""Whatever the arguments and the files are, no command prints a traceback."""

import io
import json
import signal
import socket
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.evidence import handshakes, observed, response
from support.proof import ROOT

from checks.cli import main

CODES = {0, 1, 2}

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

TEXT = st.text(st.characters(codec=None), max_size=30)
"""Any text, also with lone surrogates, as Python decodes bytes of an argument that are not UTF-8."""

NUMBERS = st.sampled_from(
    ["-1", "0", "nan", "inf", "-inf", "1e999", "-0", "9" * 5000, "0x10", "1_0", "٣", "", " ", "--", "-4"]
)

URLS = st.one_of(
    TEXT,
    st.builds("{}://{}".format, st.sampled_from(["http", "https", "ws", "wss", "ftp", ""]), TEXT),
    st.builds("ws://127.0.0.1:1/{}".format, TEXT),
    st.builds("127.0.0.1:{}/".format, NUMBERS),
    st.sampled_from(
        ["http://[", "[::1]", "::1", "http://[::1%25x]:1", "http://127.0.0.1:1#", "xn--", "a" * 300 + ".b"]
    ),
)

OPTIONS = st.one_of(
    st.tuples(st.sampled_from(["--size", "--idle", "--timeout"]), NUMBERS),
    st.tuples(
        st.sampled_from(
            ["--header", "--socket", "--proxy", "--cookies", "--pac", "--ca", "--cert", "--load", "--targets"]
        ),
        st.one_of(TEXT, st.just("FILE")),
    ),
    st.tuples(st.sampled_from(["-4", "-6", "--json", "--plain", "--no-proxy", "--nonsense"])),
    st.tuples(TEXT),
)

COMMANDS = st.one_of(st.sampled_from(["diagnose", "note", "explain", "echo", "run", "bench", "builds", "tools"]), TEXT)


def answered(argv):
    """Run the command without network and input; return its code and its output."""
    output = io.StringIO()
    nothing = patch("sys.stdin", io.StringIO())
    with redirect_stdout(output), redirect_stderr(output), patch("socket.getaddrinfo", unknown_host), nothing:
        try:
            code = main(argv)
        except SystemExit as ended:  # --help and --version
            code = ended.code
    return code, output.getvalue()


def unknown_host(*_, **__):
    raise OSError(2, "no such host")


def works_or_is_one_line(argv):
    code, output = answered(argv)
    assert code in CODES
    assert "Traceback" not in output
    if code == 2 and output.startswith("checks: "):
        assert output.count("\n") == 1, output


@QUICK
@given(st.sampled_from(["diagnose", "note"]), URLS)
def test_any_url(command, url):
    works_or_is_one_line([command, "--no-proxy", "--timeout=0.05", *([url] if url[:1] != "-" else [f" {url}"])])


@QUICK
@given(COMMANDS, st.lists(OPTIONS, max_size=4), st.binary(max_size=60))
def test_any_arguments(tmp_path, command, options, content):
    (tmp_path / "FILE").write_bytes(content)
    words = [str(tmp_path / "FILE") if word == "FILE" else word for option in options for word in option]
    if command in {"echo", "run", "bench", "builds", "tools"}:
        words.append("--nonsense")  # these would start something
    works_or_is_one_line([command, *words])


CONTENTS = st.one_of(
    st.binary(max_size=80),
    TEXT.map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from(
        [
            b"function FindProxyForURL() {}",
            b"# Netscape HTTP Cookie File\n\xff\t",
            b"# Netscape HTTP Cookie File\n.\t\t\t\t9e9\t\t\n",
            b"a=\xc3\xa9",
            b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            b"\xef\xbb\xbfhttp://h\n\x00\n",
        ]
    ),
)


@QUICK
@given(st.sampled_from(["--cookies", "--ca", "--cert", "--load", "--targets"]), CONTENTS)
def test_any_file(tmp_path, option, content):
    (tmp_path / "file").write_bytes(content)
    url = [] if option in {"--load", "--targets"} else ["http://127.0.0.1:1"]
    works_or_is_one_line(["diagnose", "--no-proxy", "--timeout=0.05", *url, option, str(tmp_path / "file")])


GOOD = observed(handshakes(response(426)), skipped=(("a", "b"),)).to_json()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@QUICK
@given(st.sampled_from(["diagnose", "note"]), st.sampled_from(sorted(json.loads(GOOD))), JSON)
def test_any_evidence(tmp_path, command, field, value):
    edited = {**json.loads(GOOD), field: value}
    (tmp_path / "evidence.json").write_text(json.dumps(edited))
    works_or_is_one_line([command, "--load", str(tmp_path / "evidence.json")])


@QUICK
@given(TEXT)
def test_any_text_to_explain(text):
    works_or_is_one_line(["explain", "--", text])


AT_IMPORT = """
import runpy, sys
from importlib.abc import MetaPathFinder

class Interrupting(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == module:
            raise KeyboardInterrupt

module = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupting())
runpy.run_module("checks", run_name="__main__", alter_sys=True)
"""
"""Runs the command line; interrupts it where it imports a module."""

INTERRUPTED = (130, "checks: interrupted\n")
"""The exit code and the error output after Ctrl-C."""


@pytest.mark.parametrize(
    "module",
    ["checks.cli", "checks.cli.diagnose", "asyncio", "h11", "checks.probe.survey", "checks.findings.rules.works"],
)
def test_ctrl_c_during_an_import_is_one_line(module):
    command = [sys.executable, "-c", AT_IMPORT, module, "diagnose", "http://127.0.0.1:1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == INTERRUPTED


WITH_CTRL_C = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " runpy.run_module('checks', run_name='__main__')"
)
"""A process in the background, as on CI, may ignore Ctrl-C by default."""


def test_ctrl_c_during_a_test_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [sys.executable, "-c", WITH_CTRL_C, "diagnose", f"http://127.0.0.1:{silent.getsockname()[1]}"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            error = process.stderr.read()
            connection.close()
    assert (process.returncode, error) == INTERRUPTED
