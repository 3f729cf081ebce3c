"""The rules of the house that a machine can hold."""

import ast
import graphlib
import re
import subprocess
import sys

import pytest
from proof import ROOT

from checks.findings import cause, ids

pytestmark = pytest.mark.quick

SECTIONS = ["What you see", "Why it happens", "How we know", "Fix", "Reported when", "Not reported when"]

PAGES = sorted((ROOT / "docs").rglob("*.md"))

ALLOWED = {
    "evidence": set(),
    "console": set(),
    "findings": {"evidence"},
    "probe": {"evidence"},
    "report": {"evidence", "findings"},
    "lab": {"__init__"},
    "cli": {"__init__", "console", "evidence", "findings", "lab", "probe", "report"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""For each part of checks/, the other parts that it may import: imports run downwards."""

NEEDS_LAB = re.compile(r"(?m)^NEEDS_LAB = True$")

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "checks").rglob("*.py"))
}
"""The modules of checks/ by their full name."""


def modules_imported_by(name):
    """Return the modules of checks/ that a module imports, anywhere in it."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
            base = ".".join(filter(None, [above if node.level else "", node.module]))
            members = {f"{base}.{alias.name}" for alias in node.names}
            found |= {member if member in MODULES else base for member in members}
    return found & set(MODULES)


def part_of(name):
    """Return the part of checks/ that a module belongs to."""
    return [*name.split("."), "__init__"][1]


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_downwards(name):
    imported = {part_of(other) for other in modules_imported_by(name)}
    assert imported - {part_of(name)} <= ALLOWED[part_of(name)]


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_the_tests(name):
    tests = {"tests", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    imported = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add(node.module.partition(".")[0])
    assert not imported & tests


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("checks.cli.")])
def test_a_command_declares_that_it_needs_the_lab(name):
    uses_lab = any(part_of(other) == "lab" for other in modules_imported_by(name))
    assert uses_lab <= bool(NEEDS_LAB.search(MODULES[name].read_text())), "add NEEDS_LAB = True"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: modules_imported_by(name) for name in MODULES}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as circle:
        pytest.fail(f"these import each other: {' <- '.join(circle.args[1])}")


# Which modules of checks/findings/ may import which others. Rules never import each other.
ALLOWED_IN_FINDINGS = {
    "phrases": set(),
    "advice": set(),
    "facts": {"phrases"},
    "rule": {"facts"},
    "rules": {"advice", "facts", "phrases", "rule"},
    "next_steps": {"advice", "facts", "phrases"},
    "diagnosis": {"facts", "next_steps", "rule", "rules"},
}


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("checks.findings.")])
def test_modules_of_findings_import_only_those_below(name):
    imported = {other.split(".")[2] for other in modules_imported_by(name) if other.startswith("checks.findings.")}
    assert imported <= ALLOWED_IN_FINDINGS[name.split(".")[2]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_headings_of_a_page_stand_below_two_blank_lines(page):
    crowded = re.findall(r"(?m)(?<!\n\n\n)^## .*", re.sub(r"\(.*\)=\n\n", "", page.read_text()))
    assert not crowded, f"{page.relative_to(ROOT)}: two blank lines before {crowded}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_line_of_a_page_holds_one_sentence(page):
    prose = re.sub(r"(?ms)\A---.*?^---$|^```.*?^```$", lambda block: "\n" * block.group().count("\n"), page.read_text())
    long = [
        f"{page.relative_to(ROOT)}:{number}: {line}"
        for number, line in enumerate(prose.splitlines(), 1)
        if re.search(r"[.!?][)”*`]* +[A-Z“*`\[]", line) and not line.startswith(("|", ">"))
    ]
    assert not long, "put each sentence on a line of its own:\n" + "\n".join(long)


def test_every_finding_has_its_page_and_every_page_its_finding():
    pages = {page.stem for page in (ROOT / "docs" / "findings").glob("*.md")} - {"index"}
    assert pages == set(ids()), "checks/findings/rules/<id>.py and docs/findings/<id>.md belong together"


@pytest.mark.parametrize("finding", ids())
def test_page_of_a_cause_has_its_title(finding):
    lines = (ROOT / "docs" / "findings" / f"{finding}.md").read_text().splitlines()
    assert lines[0] == f"# {cause(finding).title}"


@pytest.mark.parametrize("finding", ids())
def test_page_of_a_cause_has_its_id(finding):
    lines = (ROOT / "docs" / "findings" / f"{finding}.md").read_text().splitlines()
    assert lines[2].endswith(f"`{finding}`"), f"docs/findings/{finding}.md: expected `{finding}` below the title"


@pytest.mark.parametrize("finding", ids())
def test_page_of_a_cause_has_the_sections_and_the_cures(finding):
    lines = (ROOT / "docs" / "findings" / f"{finding}.md").read_text().splitlines()
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert headings == SECTIONS, f"docs/findings/{finding}.md: the sections are {SECTIONS}, in this order"
    made = any((ROOT / "checks" / "recipes").glob(f"*/broken/{finding}.patch"))
    assert ("```{cures}" in lines) == made, (
        f"docs/findings/{finding}.md: under Fix, {{cures}} shows its broken examples"
    )


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--cache-dir", "_build/ruff"],
        ["ruff", "format", "--check", "--cache-dir", "_build/ruff"],
        ["mypy", "--cache-dir", "_build/mypy"],
        ["codespell_lib"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_is_clean(command):
    result = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)} says:\n{result.stdout}{result.stderr}"
