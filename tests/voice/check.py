"""Check files, and compare what is found with the exemptions."""

from pathlib import Path

from .rules import RULES, Exemption, Finding, findings_in, load
from .texts import Text, masked

PATTERNS = (
    "*.md",
    "Makefile",
    "checks/**/*.py",
    "checks/lab/*.toml",
    "checks/lint/rules.json",
    "checks/recipes/*/fixes.toml",
    "checks/recipes/*/http*",
    "checks/recipes/*/recipe.toml",
    "checks/symptoms/*.json",
    "conf.py",
    "docs/**/*.md",
    "docs/_ext/*.py",
    "docs/_ext/*.toml",
    "pyproject.toml",
    "tests/**/*.md",
    "tests/**/*.py",
)


def root_of(path: Path = RULES) -> Path:
    """Return the checkout that a file belongs to."""
    return next((folder for folder in path.parents if (folder / "Makefile").exists()), path.parent)


def files_of(root: Path | None = None) -> list[Path]:
    """Return the files of a checkout that hold texts."""
    root = root or root_of()
    return sorted({path for pattern in PATTERNS for path in root.glob(pattern)})


def check(paths: list[Path], root: Path) -> list[str]:
    """Return a line for each problem in files of one checkout.

    Problems are findings without an exemption, and exemptions without a finding.
    """
    exemptions = load()[1]
    used: set[Exemption] = set()
    lines = []
    names = {path.relative_to(root).as_posix(): path for path in paths}
    for finding in findings_in(names):
        exempt = [exemption for exemption in exemptions if covers(exemption, finding)]
        used.update(exempt)
        if not exempt:
            lines.append(str(finding))
    lines += [
        f"{RULES.name}: {exemption.file}: nothing there needs the exemption from {exemption.rule}: delete it"
        for exemption in exemptions
        if exemption.file in names and exemption not in used
    ]
    return lines


def covers(exemption: Exemption, finding: Finding) -> bool:
    """Tell whether an exemption is for a finding."""
    return (exemption.file, exemption.rule) == (finding.file, finding.rule) and exemption.text in finding.found


def check_subject(subject: str) -> list[str]:
    """Return one line for each problem in the subject of a commit."""
    if subject.startswith(("Merge ", "Revert ", "fixup! ", "squash! ")):
        return []
    text = Text("subject", masked(subject), 1)
    return [str(Finding("subject", 1, hit.found, hit.use, rule.id)) for rule in load()[0] for hit in rule.hits(text)]
