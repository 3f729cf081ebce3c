"""The rules for code and pages that a test can enforce."""

import ast
import functools
import graphlib
import re
import subprocess
import sys

import pytest
from support.proof import ROOT

from checks.cli import commands
from checks.cli import parsers as parsers_of
from checks.cli.explain import read_page
from checks.findings import cause, ids
from checks.symptoms import ONLY_IN_BROWSER
from tests.voice.texts import parsed

pytestmark = pytest.mark.quick

SECTIONS = [
    *("What you see", "Fix", "Confirm the fix", "Why it happens"),
    *("How `diagnose` decides", "# Reported when", "# Not reported when"),
]
"""The headings below the title of a cause; `#` marks those one level down."""


PAGES = sorted((ROOT / "docs").rglob("*.md"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

ALLOWED = {
    "records": set(),
    "evidence": {"records"},
    "symptoms": set(),
    "findings": {"evidence"},
    "probe": {"evidence"},
    "lint": {"report"},
    "report": {"evidence", "findings"},
    "exporter": {"__init__", "evidence", "findings", "probe", "report"},
    "lab": {"__init__"},
    "echo": {"findings", "probe", "report"},
    "cli": {"__init__", "echo", "evidence", "exporter", "findings", "lab", "lint", "probe", "report", "symptoms"},
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


@functools.cache
def tree_of(path):
    """Return the syntax tree of a file."""
    return parsed(path.read_text())


def modules_imported_by(name):
    """Return the modules of checks/ that a module imports, anywhere in it."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree_of(MODULES[name])):
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


def test_imports_run_downwards():
    imported = {name: {part_of(other) for other in modules_imported_by(name)} for name in MODULES}
    wrong = {
        name: sorted(extra)
        for name, parts in imported.items()
        if (extra := parts - {part_of(name)} - ALLOWED[part_of(name)])
    }
    assert wrong == {}, "expected each part of checks/ to import only what ALLOWED lists for it"


def names_imported_by(path):
    """Return the full names that a file imports, as written."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f".{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def test_no_module_imports_the_tests():
    tests = {"tests", *(path.stem for path in (ROOT / "tests").iterdir())}
    imported = {name: {other.partition(".")[0] for other in names_imported_by(path)} for name, path in MODULES.items()}
    wrong = {name: sorted(roots & tests) for name, roots in imported.items() if roots & tests}
    assert wrong == {}, "move what they need to checks/"


def test_no_module_below_tests_imports_a_test_module():
    wrong = {
        str(path.relative_to(ROOT)): name
        for path in TESTS
        for name in names_imported_by(path)
        if any(part.startswith("test_") for part in name.split("."))
    }
    assert wrong == {}, "move what both need to tests/support/"


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("checks.cli.")])
def test_a_command_declares_that_it_needs_the_lab(name):
    uses_lab = any(part_of(other) == "lab" for other in modules_imported_by(name))
    declared = bool(NEEDS_LAB.search(MODULES[name].read_text()))
    assert declared or not uses_lab, f"{name} imports checks.lab: add NEEDS_LAB = True"


def test_imports_have_no_cycle():
    graph = {name: modules_imported_by(name) for name in MODULES}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"expected no import cycle, got {' <- '.join(error.args[1])}: move what they share below both")


ALLOWED_IN_FINDINGS = {
    "phrases": set(),
    "advice": set(),
    "arrival": set(),
    "open_facts": set(),
    "second_look": set(),
    "complaints": set(),
    "responders": {"complaints"},
    "facts": {"arrival", "complaints", "open_facts", "phrases", "responders", "second_look"},
    "limits": {"advice", "facts", "phrases", "second_look"},
    "tunnel": {"facts"},
    "browsers": {"facts"},
    "rule": {"facts"},
    "csp": set(),
    "rules": {
        *("advice", "arrival", "browsers", "complaints", "csp", "facts", "limits", "phrases", "responders", "rule"),
        *("strays", "tunnel"),
    },
    "strays": {"advice", "facts", "responders"},
    "next_steps": {"advice", "arrival", "facts", "phrases", "responders", "strays"},
    "diagnosis": {"advice", "browsers", "facts", "next_steps", "rule", "rules"},
}
"""For each module of checks/findings/, the others that it may import; rules never import each other."""


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("checks.findings.")])
def test_modules_of_findings_import_only_those_below(name):
    imported = {other.split(".")[2] for other in modules_imported_by(name) if other.startswith("checks.findings.")}
    allowed = ALLOWED_IN_FINDINGS[name.split(".")[2]]
    assert imported <= allowed, f"{name} imports {sorted(imported - allowed)}: expected only {sorted(allowed)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_headings_follow_two_blank_lines(page):
    crowded = re.findall(r"(?m)(?<!\n\n\n)^## .*", re.sub(r"\(.*\)=\n\n", "", page.read_text()))
    assert not crowded, f"{page.relative_to(ROOT)}: expected two blank lines before {crowded}: add them"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_line_of_a_page_holds_one_sentence(page):
    prose = re.sub(r"(?ms)\A---.*?^---$|^```.*?^```$", lambda block: "\n" * block.group().count("\n"), page.read_text())
    long = [
        f"{page.relative_to(ROOT)}:{number}: {line}"
        for number, line in enumerate(prose.splitlines(), 1)
        if re.search(r"[.!?][)”*`]* +[A-Z“*`\[]", re.sub(r"^\d+\. ", "", line)) and not line.startswith(("|", ">"))
    ]
    assert not long, "expected one sentence a line; break these lines:\n" + "\n".join(long)


def test_every_finding_has_its_page_and_every_page_its_finding():
    pages = {page.stem for page in (ROOT / "docs" / "findings").glob("*.md")} - {"index"}
    known = {*ids(), *ONLY_IN_BROWSER}
    assert pages == known, (
        f"expected a rule and a page for each cause, got only one for {sorted(pages ^ known)}: "
        "add checks/findings/rules/<id>.py or docs/findings/<id>.md"
    )


@pytest.mark.parametrize("finding", ids())
def test_page_of_a_cause_has_its_title(finding):
    lines = read_page(finding).splitlines()
    title = f"# {cause(finding).title}"
    assert lines[0] == title, (
        f"docs/findings/{finding}.md: expected {title!r} as the first line below the front matter, got {lines[0]!r}"
    )


@pytest.mark.parametrize("finding", ids())
def test_page_of_a_cause_has_its_id(finding):
    lines = read_page(finding).splitlines()
    assert lines[2] == "{.cause}", (
        f"docs/findings/{finding}.md: expected {{.cause}} two lines below the title, got {lines[2]!r}"
    )
    assert lines[3].endswith(f"`{finding}`"), (
        f"docs/findings/{finding}.md: expected `{finding}` three lines below the title"
    )


@pytest.mark.parametrize("finding", ids())
def test_page_of_a_cause_has_the_sections_and_the_cures(finding):
    lines = read_page(finding).splitlines()
    headings = [line[2:].strip() if line[2] == " " else line[2:] for line in lines if line.startswith("##")]
    assert headings == SECTIONS, f"docs/findings/{finding}.md: expected the sections {SECTIONS}, got {headings}"
    made = any((ROOT / "checks" / "recipes").glob(f"*/broken/{finding}.patch"))
    assert ("```{cures}" in lines) == made, (
        f"docs/findings/{finding}.md: expected {{cures}} below Fix if there are broken examples, and only then"
    )


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```{confirm}" in page.read_text()], ids=lambda page: page.stem
)
def test_the_command_that_confirms_a_fix_is_valid(page):
    _, parsers = parsers_of(commands())
    for arguments in re.findall(r"(?m)^```\{confirm\}(.*)$", page.read_text()):
        parsers["diagnose"].parse_args(["https://dss.example.com", *arguments.split()])


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
    assert result.returncode == 0, (
        f"expected exit code 0 from {' '.join(command)}; correct this:\n{result.stdout}{result.stderr}"
    )
