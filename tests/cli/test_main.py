"""The list of commands, help, and errors before any command runs."""

import os
import socket
import subprocess
import sys
from contextlib import closing

import pytest
from support.proof import ROOT

from checks import cli
from checks.cli import main

STANDALONE = ["diagnose", "echo", "explain", "exporter", "lint", "note"]
"""The commands of websocket-doctor.pyz."""

WRONG = [
    (["dance"], "checks: unknown command; expected one of diagnose, echo, "),
    (["https://u:planted-secret@dss.example.com"], "checks: unknown command; expected one of diagnose, echo, "),
    (["diagnose", "http://h", "--http2"], "checks: unknown option --http2; see `python -m checks diagnose --help`"),
    (["diagnose", "http://h", "-xplanted-secret"], "checks: unknown option -x; see "),
    (["explain", "--nonsense"], "checks: unknown option --nonsense; see "),
    (["explain", "one", "planted-secret"], "checks: too many arguments; see "),
]


@pytest.mark.parametrize(("argv", "message"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
def test_wrong_usage_is_one_line_without_secrets(argv, message, capsys):
    assert main(argv) == 2
    output = capsys.readouterr()
    assert output.err.replace("'", "").startswith(message)  # the quotes depend on the version of Python
    assert output.err.count("\n") == 1
    assert "planted-secret" not in output.err


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252"])
def test_output_that_the_terminal_cannot_show_is_replaced(encoding):
    line = "WebSocket connection to 'wss://h/' failed: Unexpected response code: 200 \u6f22"
    for text in ("idle-timeout", line):
        done = subprocess.run(
            [sys.executable, "-m", "checks", "explain", text],
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")


def shell(command):
    line = f"{sys.executable} -m checks {command}"
    return subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["explain idle-timeout", "--help", "--version", "lint --help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_one_line(command, unbuffered, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = shell(f"{command} >/dev/full")
    assert (done.returncode, done.stderr) == (2, "checks: cannot write the output: no space left on device\n")


def test_a_reader_that_stops_early_gives_no_error():
    assert shell("explain idle-timeout | head -n 1").stderr == ""


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_output_is_not_an_error(closed):
    done = shell(f"diagnose --load /nowhere.json {closed}")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        done = shell(f"diagnose http://127.0.0.1:{taken.getsockname()[1]} {closed}")
    assert (done.returncode, done.stderr) == (2, "")


FROM_INPUT = {
    "explain -": "the text",
    "lint -": "the configuration",
    "note --console -": "the text",
    "diagnose http://127.0.0.1:1 --cookies -": "the cookies",
}
"""Commands that read standard input, and what they expect there."""


@pytest.mark.parametrize("command", FROM_INPUT)
def test_a_closed_input_is_one_line(command):
    done = shell(f"{command} <&-")
    message = f"checks: cannot read {FROM_INPUT[command]} from standard input: it is closed\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


@pytest.mark.parametrize("command", FROM_INPUT)
def test_an_input_that_is_not_text_gives_no_traceback(command, tmp_path):
    (tmp_path / "input").write_bytes(b"\x00\xff\xfe\x01\x80")
    done = shell(f"{command} < {tmp_path}/input")
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr


def test_no_command_prints_the_help(capsys):
    assert main([]) == 2
    assert "diagnose https://dss.example.com" in capsys.readouterr().out


def test_every_command_is_a_module_of_the_folder():
    commands = cli.commands()
    assert [name for name in commands if not cli.needs_lab(commands[name])] == STANDALONE
    assert {"run", "builds", "bench", "tools", "picture"} <= set(commands)


@pytest.mark.parametrize("name", cli.commands())
def test_help_of_a_command_starts_with_its_summary(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    summary = cli.commands()[name].__doc__.splitlines()[0]
    assert summary in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("argv", [["--help"], ["diagnose", "--help"], ["note", "--help"]], ids=" ".join)
def test_help_explains_the_exit_codes(argv, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    text = " ".join(capsys.readouterr().out.split())
    assert "Exit codes: 0 WebSocket works, 1 something fails, 2 the test could not run" in text


BARE = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"websockets", "h11"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from checks.cli import main
sys.exit(main(["diagnose", "http://127.0.0.1:1"]))
"""
"""Runs diagnose with a Python that has none of the libraries."""


def test_a_python_without_the_libraries_gets_one_line():
    done = subprocess.run([sys.executable, "-c", BARE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no module '" in done.stderr
    assert "run .venv/bin/python -m checks (`make html` creates .venv)\n" in done.stderr
    assert done.stderr.count("\n") == 1


AS_3_8 = "import runpy, sys; sys.version_info = (3, 8, 20); runpy.run_module('checks', run_name='__main__')"


def test_an_old_python_names_the_version_it_needs():
    done = subprocess.run([sys.executable, "-c", AS_3_8], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "checks: expected Python 3.11 or newer, got 3.8; run .venv/bin/python -m checks\n"
