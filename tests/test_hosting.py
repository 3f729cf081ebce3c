"""The files for a hosting service: workflows, issue forms, Read the Docs, hooks, links; each linted by its own tool."""

import http.server
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import host
import pytest
import yaml
from proof import ROOT

from checks.doctor import main
from checks.lab.recipe import recipes

pytestmark = pytest.mark.quick

GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
FORMS = sorted(path for path in GITHUB.glob("ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
JOBS = [
    (path, name, job)
    for path in WORKFLOWS
    for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items()
]
STEPS = [(path, name, step) for path, name, job in JOBS for step in job["steps"]]
JOB_IDS = [f"{path.stem}-{name}" for path, name, _ in JOBS]
BIN = Path(sys.executable).parent

LINTERS = {
    "actionlint": ["-shellcheck", BIN / "shellcheck", "-pyflakes", "", *WORKFLOWS],
    "zizmor": ["--offline", "--quiet", "--persona", "pedantic", "--strict-collection", "."],
}
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.readthedocs": [ROOT / ".readthedocs.yaml"],
}


@pytest.mark.parametrize("tool", LINTERS)
def test_linter_finds_nothing(tool):
    # Their colours depend on the service that runs them.
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [BIN / tool, *LINTERS[tool]]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{tool} reports:\n{done.stdout}"


def test_files_fit_their_schemas(capsys):
    # Not a process for each: the import takes longer than all the checks.
    import check_jsonschema  # noqa: PLC0415

    for schema, files in SCHEMAS.items():
        code = check_jsonschema.main(["--builtin-schema", schema, *map(str, files)], standalone_mode=False)
        assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize(("path", "name", "job"), JOBS, ids=JOB_IDS)
def test_a_job_has_the_rights_it_needs_and_no_others(path, name, job):
    everything = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert everything["permissions"] == {}
    assert "concurrency" in everything
    assert job["timeout-minutes"] <= 90
    runs_ours = any("actions/checkout@" in step.get("uses", "") for step in job["steps"])
    if runs_ours:
        assert job["permissions"] == {"contents": "read"}, f"{name} runs the repository's code"
        assert job["container"] == "debian:12"


@pytest.mark.parametrize(("path", "name", "step"), STEPS, ids=[f"{path.stem}-{name}" for path, name, _ in STEPS])
def test_a_step_runs_a_pinned_action_or_a_line_without_expressions(path, name, step):
    assert "${{" not in step.get("run", ""), f"{path.name}, {name}: hand it over in env"
    if action := step.get("uses", ""):
        line = next(line for line in path.read_text(encoding="utf-8").splitlines() if action in line)
        assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    if "actions/checkout@" in action:
        assert step["with"]["persist-credentials"] is False


def test_an_action_has_one_version_everywhere():
    used = {tuple(step["uses"].split("@")) for _, _, step in STEPS if "uses" in step}
    versions = dict(used)
    assert used == set(versions.items())


def verbs():
    """Return the targets of the Makefile."""
    return set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / ".readthedocs.yaml"], ids=lambda path: path.stem)
def test_what_runs_is_a_verb_of_the_makefile(path):
    called = set(re.findall(r"\bmake ([a-z]+)\b", path.read_text(encoding="utf-8")))
    assert called, path
    assert called <= verbs()


def test_the_shards_are_the_recipes_and_the_rest(tmp_path):
    step = next(step for _, name, step in STEPS if name == "shards" and step.get("id") == "list")
    output = tmp_path / "output"
    environment = {**os.environ, "GITHUB_OUTPUT": str(output)}
    subprocess.run(["sh", "-e", "-c", step["run"]], cwd=ROOT, env=environment, check=True)
    name, _, value = output.read_text(encoding="utf-8").partition("=")
    assert (name, json.loads(value)) == ("shards", [*recipes(), "rest"])


def test_every_file_that_names_the_cached_builds_is_there():
    patterns = re.findall(r"'(checks/[^']+)'", (GITHUB / "workflows" / "change.yml").read_text(encoding="utf-8"))
    assert len(patterns) > 3
    assert [pattern for pattern in patterns if not any(ROOT.glob(pattern.removesuffix("**") + "*"))] == []


@pytest.mark.parametrize("name", ["diagnosis", "config-fails"])
def test_an_issue_form_asks_for_evidence_with_options_that_exist(name, capsys):
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8"))
    evidence = next(field for field in form["body"] if field.get("id") == "evidence")
    assert evidence["validations"]["required"]
    assert "diagnose URL --save evidence.json" in evidence["attributes"]["description"]
    options = set(re.findall(r" (--[a-z]+)\b", json.dumps(form))) - {"--version"}
    with pytest.raises(SystemExit):
        main(["diagnose", "--help"])
    assert options <= set(re.findall(r"--[a-z]+", capsys.readouterr().out))


def test_a_hook_runs_a_tool_of_the_environment():
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in settings["repos"]] == ["local"]
    for hook in settings["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python -m "), hook["id"]
        module = hook["entry"].split()[2]
        assert subprocess.run([sys.executable, "-c", f"import {module}"], check=False).returncode == 0, module


def settings():
    """Return the settings of the site."""
    return runpy.run_path(str(ROOT / "conf.py"))


def test_every_link_that_is_left_out_is_on_a_page_and_has_a_reason():
    found = settings()
    redirects = {link: reason for link, (_, reason) in found["allowed_redirects"].items()}
    assert found["linkcheck_ignore"] == list(found["ignored_links"])
    assert set(found["linkcheck_allowed_redirects"]) == set(redirects)
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    links = set(re.findall(r"\]\((https?://[^)\s]+)\)", pages))
    for pattern, reason in (found["ignored_links"] | redirects).items():
        assert len(reason.split()) > 3, f"conf.py gives no reason for {pattern}"
        assert any(re.match(pattern, link) for link in links), f"no page has a link like {pattern}: remove it"


class Moved(http.server.BaseHTTPRequestHandler):
    """Answers /moved with a permanent redirect to /here, and /here with a page."""

    def do_HEAD(self):
        self.send_response(301 if self.path == "/moved" else 200)
        self.send_header("Location", "/here")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *_):
        pass


def test_a_permanent_redirect_fails_the_link_check(tmp_path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.search(r"-m sphinx (.*)-b linkcheck", makefile)[1].split()
    with host.serving(Moved) as address:
        (tmp_path / "index.md").write_text(f"# Links\n\n[a]({address}here) [b]({address}moved)\n", encoding="utf-8")
        sphinx = [sys.executable, "-m", "sphinx", *options, "-q", "-b", "linkcheck", "-c", "."]
        command = [*sphinx, tmp_path, tmp_path / "out"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert len(lines) == 1, done.stderr
    assert f"redirect  {address}moved - permanently to {address}here" in lines[0]


def test_the_policy_of_the_static_host_lets_nothing_in_from_outside():
    policy = dict(part.strip().split(" ", 1) for part in host.headers()["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert {"base-uri", "form-action", "frame-ancestors"} <= set(policy)


def test_both_static_hosts_send_the_same_headers():
    config = (host.HOSTING / "site.conf").read_text(encoding="utf-8")
    added = dict(re.findall(r'(?m)^    add_header (\S+) "?([^"\n]+?)"? always;$', config))
    assert added.pop("Cache-Control") == "$site_cache"
    assert added | {"Cache-Control": re.search(r'default +"(.*)";', config)[1]} == host.headers()
