"""run: a published config in front of the stand-in, until Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.machine import RECIPES
from support.proof import ROOT

from checks.cli import main
from checks.lab.recipe import recipes

LAB = (ROOT / "_build" / "lab").resolve()
"""The folder in which each program of the lab has its own."""

WRONG = [
    (["run", "nginy"], "checks: unknown recipe 'nginy'; expected one of "),
    (
        ["run", "nginx", "--https", "--broken", "idle-timeout"],
        "checks: --https: idle-timeout is a mistake in a config for HTTP; leave --https out",
    ),
    (["run", "nginx", "--broken", "x"], "checks: nginx has no broken variant 'x'; it has: "),
    (["run", "nginx", "--broken", ""], "checks: nginx has no broken variant ''; it has: "),
]


@pytest.mark.parametrize(("argv", "message"), WRONG, ids=["recipe", "scheme", "broken variant", "empty broken variant"])
def test_an_unknown_name_is_one_line(argv, message, capsys):
    assert main(argv) == 2
    output = capsys.readouterr()
    assert output.err.startswith(message)
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("argv", [["run", "nginx"], ["bench", "nginx"], ["builds"], ["tools"]], ids=" ".join)
def test_a_mistake_in_recipe_toml_is_one_line(argv, tmp_path, monkeypatch, capsys):
    (tmp_path / "nginx").mkdir()
    (tmp_path / "nginx" / "recipe.toml").write_text("title = 3")
    monkeypatch.setattr(recipes, "__defaults__", (tmp_path,))
    assert main(argv) == 2
    assert re.fullmatch(r"checks: .*/nginx/recipe\.toml: title: expected a string, got 3\n", capsys.readouterr().err)


@contextmanager
def command(*argv):
    process = subprocess.Popen(
        [sys.executable, "-m", "checks", *argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("argv", [["nginx"], ["nginx", "--https"], ["nginx", "--broken", "idle-timeout"]], ids=" ".join)
def test_run_serves_until_a_signal_and_leaves_nothing_behind(argv, number):
    RECIPES["nginx"].newest()
    with command("run", *argv) as process:
        output = ""
        while "Ctrl-C to stop" not in output and (line := process.stdout.readline()):
            output += line
        port = int(re.search(r"the page +https?://localhost:(\d+)/", output)[1])
        children = descendants(process.pid)
        assert len(children) >= 4, "nginx, its worker, the backend, Jupyter"
        folders = {Path(f"/proc/{pid}/cwd").readlink() for pid in children}
        assert any(folder.parent == LAB for folder in folders)
        process.send_signal(number)
        assert process.wait(30) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert not [pid for pid in children if alive(pid)]
    assert not [folder for folder in folders if folder.parent == LAB and folder.exists()]


def descendants(pid):
    """Return the ids of all processes that a process has started, directly or not."""
    found = []
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        found += [child, *descendants(child)]
    return found


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
