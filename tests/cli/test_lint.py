"""lint: its exit codes and its formats."""

import json
import subprocess

import pytest
from support.proof import ROOT

from checks.cli import main

pytestmark = pytest.mark.quick

BROKEN = "server {\n  location / {\n    proxy_pass http://127.0.0.1:11200;\n  }\n}\n"


@pytest.fixture
def broken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.conf").write_text(BROKEN)
    return "a,b.conf"


def test_each_format_names_the_line(broken, capsys):
    assert main(["lint", broken, "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    (first,) = [each for each in findings if each["severity"] == "broken"][:1]
    assert (first["file"], first["line"]) == (broken, 3)
    assert (ROOT / "docs" / first["page"]).with_suffix(".md").exists()

    assert main(["lint", broken, "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("::error file=a%2Cb.conf,line=3,title=") for line in lines)

    assert main(["lint", broken, "--format", "sarif"]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= known
    assert [each["rule"] for each in findings] == [result["ruleId"] for result in run["results"]]


def test_what_cannot_be_read_is_one_line(tmp_path, capsys):
    deep, other = tmp_path / "deep.conf", tmp_path / "other\x1b[31m.txt"
    deep.write_text("server {" * 5000)
    assert main(["lint", "--as", "nginx", str(deep)]) == 2
    assert capsys.readouterr().err == "checks: the configuration has too many blocks inside each other\n"
    other.write_text("nothing")
    assert main(["lint", str(other)]) == 2
    error = capsys.readouterr().err
    assert error.endswith("other\\x1b[31m.txt: unknown configuration; name its kind with --as\n")
    assert error.count("\n") == 1


def test_the_hook_of_pre_commit_runs_it(broken):
    script = ROOT / "hosting" / "websocket-lint"
    done = subprocess.run([script, broken], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
