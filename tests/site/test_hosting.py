"""The files for hosting services: workflows, forms, hooks and links."""

import http.server
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import host
from support.proof import ROOT

from checks.cli import main
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
def test_a_linter_reports_nothing(tool):
    # Otherwise they print colours on some services.
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [BIN / tool, *LINTERS[tool]]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{tool} reports:\n{done.stdout}"


def test_files_fit_their_schemas(capsys):
    # One process for all schemas: the import takes longer than all the checks.
    import check_jsonschema  # noqa: PLC0415

    for schema, files in SCHEMAS.items():
        code = check_jsonschema.main(["--builtin-schema", schema, *map(str, files)], standalone_mode=False)
        assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize(("path", "name", "job"), JOBS, ids=JOB_IDS)
def test_a_job_has_only_the_rights_that_it_needs(path, name, job):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow, f"{path.name} has no concurrency: add it, so that runs of it do not overlap"
    assert job["timeout-minutes"] <= 90
    runs_our_code = any("actions/checkout@" in step.get("uses", "") for step in job["steps"])
    if runs_our_code:
        assert job["permissions"] == {"contents": "read"}, f"{name} runs the repository's code: let it only read"
        assert job["container"] == "debian:12"


@pytest.mark.parametrize(("path", "name", "step"), STEPS, ids=[f"{path.stem}-{name}" for path, name, _ in STEPS])
def test_a_step_pins_its_action_and_runs_no_expression(path, name, step):
    assert "${{" not in step.get("run", ""), f"{path.name}, {name}: pass the expression in env, not in run"
    if action := step.get("uses", ""):
        line = next(line for line in path.read_text(encoding="utf-8").splitlines() if action in line)
        assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), f"expected a commit and its version, got {line}"
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
def test_a_service_runs_verbs_of_the_makefile(path):
    called = set(re.findall(r"\bmake ([a-z]+)\b", path.read_text(encoding="utf-8")))
    assert called, f"{path.name} runs no `make`: run the verbs of the Makefile"
    assert called <= verbs()


def test_the_shards_are_the_recipes_and_the_rest(tmp_path):
    step = next(step for _, name, step in STEPS if name == "shards" and step.get("id") == "list")
    output = tmp_path / "output"
    environment = {**os.environ, "GITHUB_OUTPUT": str(output)}
    subprocess.run(["sh", "-e", "-c", step["run"]], cwd=ROOT, env=environment, check=True)
    name, _, value = output.read_text(encoding="utf-8").partition("=")
    assert {name: json.loads(value)} == {"shards": [*recipes(), "rest"]}


def test_the_key_of_the_cache_names_files_that_exist():
    patterns = re.findall(r"'(checks/[^']+)'", (GITHUB / "workflows" / "change.yml").read_text(encoding="utf-8"))
    assert len(patterns) > 3, f"expected more than 3 patterns in the key of the cache, got {patterns}"
    assert [pattern for pattern in patterns if not any(ROOT.glob(pattern.removesuffix("**") + "*"))] == []


@pytest.mark.parametrize("name", ["diagnosis", "config-fails"])
def test_an_issue_form_requires_evidence_with_existing_options(name, capsys):
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8"))
    evidence = next(field for field in form["body"] if field.get("id") == "evidence")
    assert evidence["validations"]["required"]
    assert "diagnose URL --save evidence.json" in evidence["attributes"]["description"]
    options = set(re.findall(r" (--[a-z]+)\b", json.dumps(form))) - {"--version"}
    with pytest.raises(SystemExit):
        main(["diagnose", "--help"])
    assert options <= set(re.findall(r"--[a-z]+", capsys.readouterr().out))


def test_a_hook_runs_a_tool_from_the_environment():
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in settings["repos"]] == ["local"]
    for hook in settings["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python -m "), hook["id"]
        module = hook["entry"].split()[2]
        imported = subprocess.run([sys.executable, "-c", f"import {module}"], check=False)
        assert imported.returncode == 0, f"{hook['id']} needs {module}: add it to requirements.txt"


def settings():
    """Return the settings in conf.py."""
    return runpy.run_path(str(ROOT / "conf.py"))


def test_an_ignored_link_is_in_use_and_has_a_reason():
    found = settings()
    redirects = {link: reason for link, (_, reason) in found["allowed_redirects"].items()}
    assert found["linkcheck_ignore"] == list(found["ignored_links"])
    assert set(found["linkcheck_allowed_redirects"]) == set(redirects)
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    links = set(re.findall(r"\]\((https?://[^)\s]+)\)", pages))
    for pattern, reason in (found["ignored_links"] | redirects).items():
        assert len(reason.split()) > 3, f"conf.py gives no reason for {pattern}: add one"
        assert any(re.match(pattern, link) for link in links), f"no page has a link like {pattern}: remove it"


class Moved(http.server.BaseHTTPRequestHandler):
    """Redirect /moved permanently to /here, and send a page for every other path."""

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
    with host.serving(Moved) as url:
        (tmp_path / "index.md").write_text(f"# Links\n\n[a]({url}here) [b]({url}moved)\n", encoding="utf-8")
        sphinx = [sys.executable, "-m", "sphinx", *options, "-q", "-b", "linkcheck", "-c", "."]
        command = [*sphinx, tmp_path, tmp_path / "out"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert len(lines) == 1, done.stderr
    assert f"redirect  {url}moved - permanently to {url}here" in lines[0]


def test_the_policy_of_the_static_host_allows_no_third_party():
    policy = dict(part.strip().split(" ", 1) for part in host.headers()["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy.pop("connect-src") == "'self' https: wss: http: ws:"  # pages limit it, see test_connection.py
    assert set(policy.values()) == {"'none'", "'self'"}
    assert {"base-uri", "form-action", "frame-ancestors"} <= set(policy)


def test_both_static_hosts_send_the_same_headers():
    config = (host.HOSTING / "site.conf").read_text(encoding="utf-8")
    added = dict(re.findall(r'(?m)^    add_header (\S+) "?([^"\n]+?)"? always;$', config))
    assert added.pop("Cache-Control") == "$site_cache"
    assert added | {"Cache-Control": re.search(r'default +"(.*)";', config)[1]} == host.headers()
