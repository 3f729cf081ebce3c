"""Run the suite on the newest proxies, and report the claims that no longer hold.

    python -m checks.lab.newest

It copies the checkout to _build/newest and uses a separate environment and separate builds there: the newest wheels on
PyPI, and the Debian packages that the mirror has now. Nothing outside _build changes. If something fails, the report
is in _build/newest.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .origins import Wheel
from .process import ROOT, LabError, workspace
from .recipe import recipes

COPY = ROOT / "_build" / "newest"
REPORT = ROOT / "_build" / "newest.md"

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".zoo", "_build", "__pycache__", ".*_cache", ".hypothesis")

SHOWN = 50
"""Failed tests that the report shows, so that it fits into an issue."""

MESSAGE = 300
"""Characters of a test's message that the report shows."""


@dataclass(frozen=True)
class Upgrade:
    """A wheel with a newer version on PyPI than the pinned one."""

    package: str
    pinned: str
    newest: str

    def __str__(self) -> str:
        return f"{self.package} {self.pinned} -> {self.newest}"


@dataclass(frozen=True)
class Failure:
    """A test that failed, with the claims it proves."""

    test: str
    message: str
    claims: Sequence[str] = ()


@dataclass
class Results:
    """The failed tests of a run, and the builds that it used."""

    failures: list[Failure] = field(default_factory=list)
    builds: set[str] = field(default_factory=set)
    """The builds that tests ran on, as the record names them: "nginx 1.31.3"."""


def main() -> int:
    """Return 0 if everything holds, 1 with a report, or 2 if the suite cannot run."""
    REPORT.unlink(missing_ok=True)
    try:
        shutil.rmtree(COPY, ignore_errors=True)
        shutil.copytree(ROOT, COPY, symlinks=True, ignore=NOT_COPIED)
        for upgrade in upgrades(COPY, newest_wheel):
            print(upgrade, flush=True)
        results = run_suite(COPY)
    except LabError as error:
        print(f"newest: {error}", file=sys.stderr)
        return 2
    record = json.loads((ROOT / "checks" / "proof.json").read_text(encoding="utf-8"))
    new = sorted(results.builds - recorded(record))
    print(f"versions that the record does not have: {', '.join(new) or 'none'}")
    if not results.failures:
        print("everything holds")
        return 0
    REPORT.write_text("\n".join(report(results.failures, new)) + "\n", encoding="utf-8")
    print(f"{len(results.failures)} tests failed; the report is in {REPORT.relative_to(ROOT)}")
    return 1


def upgrades(checkout: Path, newest: Callable[[str], tuple[str, str]]) -> Iterator[Upgrade]:
    """Pin the newest wheels in the recipes of a checkout, and yield the changes.

    `newest` returns the version and the SHA-256 of the newest wheel of a package.
    """
    requirements = checkout / "requirements.txt"
    for recipe in recipes(checkout / "checks" / "recipes").values():
        for wheel in recipe.origins.values():
            if not isinstance(wheel, Wheel):
                continue
            version, digest = newest(wheel.package)
            if version == wheel.pinned:
                continue
            declaration, pin = recipe.folder / "recipe.toml", f"{wheel.package}=={version} --hash=sha256:{digest}"
            text = declaration.read_text(encoding="utf-8").replace(wheel.requirement, pin)
            declaration.write_text(text, encoding="utf-8")
            # The nginx of the stand-in comes from the same wheel.
            pattern = rf"(?m)^{re.escape(wheel.package)}==\S+"
            required = re.sub(pattern, f"{wheel.package}=={version}", requirements.read_text(encoding="utf-8"))
            requirements.write_text(required, encoding="utf-8")
            yield Upgrade(wheel.package, wheel.pinned, version)


def newest_wheel(package: str) -> tuple[str, str]:
    """Return the version and SHA-256 of the newest wheel that runs on this machine.

    Raises LabError if pip finds none.
    """
    with workspace() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [*pip, "--only-binary", ":all:", "--dest", str(folder), package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(folder.glob("*.whl"))
        if done.returncode or not wheels:
            raise LabError(f"pip cannot download a wheel of {package}:\n{done.stderr.strip()}")
        return wheels[0].name.split("-")[1], hashlib.sha256(wheels[0].read_bytes()).hexdigest()


def run_suite(checkout: Path) -> Results:
    """Run `make test` in a checkout, and return what it showed.

    It skips tests that only read the record, which does not have the new versions.

    Raises LabError if the suite wrote no report.
    """
    junit = checkout / "_build" / "suite.xml"
    options = ["-m", "not reads_proof", "-o", "junit_family=xunit1", f"--junit-xml={junit}"]
    # If make runs this, its options are in the environment.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**inherited, "PYTEST_ADDOPTS": shlex.join(options)}
    ended = subprocess.run(["make", "test", f"PYTHON={sys.executable}"], cwd=checkout, env=environment, check=False)
    if not junit.exists():
        raise LabError(f"the suite did not run: make test ended with exit code {ended.returncode} in {checkout}")
    return read_results(junit.read_text(encoding="utf-8"))


def read_results(text: str) -> Results:
    """Read the results that pytest wrote with --junit-xml."""
    results = Results()
    for case in ET.fromstring(text).iter("testcase"):  # noqa: S314  # written by our own pytest
        properties = defaultdict(list)
        for entry in case.iter("property"):
            properties[entry.get("name", "")].append(entry.get("value", ""))
        if case.find("skipped") is None:
            results.builds.update(properties["on"])
        problems = [each for kind in ("failure", "error") for each in case.iter(kind)]
        if problems:
            test = f"{case.get('file') or case.get('classname', '')}::{case.get('name', '')}"
            results.failures.append(Failure(test, problems[0].get("message", ""), properties["proves"]))
    return results


def recorded(record: Mapping[str, Mapping[str, Mapping[str, list[str]]]]) -> set[str]:
    """Return the builds that checks/proof.json names."""
    return {build for part in ("claims", "configs") for entry in record[part].values() for build in entry["on"]}


def report(failures: Sequence[Failure], new: Sequence[str]) -> Iterator[str]:
    """Yield a Markdown report: claims that no longer hold, then other failed tests."""
    claims = sorted({claim for failure in failures for claim in failure.claims})
    others = [failure for failure in failures if not failure.claims]
    yield f"Versions that `checks/proof.json` does not have: {', '.join(new) or 'none'}."
    yield "To see this on your machine, run `make newest`."
    if claims:
        yield from ("", "## Claims that no longer hold", "")
        yield from (f"- `{claim}`" for claim in claims)
    for title, listed in (
        ("Tests of these claims", [each for each in failures if each.claims]),
        ("Other tests that failed", others),
    ):
        if listed:
            yield from ("", f"## {title}")
        for failure in listed[:SHOWN]:
            yield from ("", f"`{failure.test}`", "", f"    {_short(failure.message)}")
        if len(listed) > SHOWN:
            yield from ("", f"And {len(listed) - SHOWN} more.")


def _short(message: str) -> str:
    """Return a message in one line of at most MESSAGE characters."""
    line = " ".join(message.split()) or "no message"
    return line if len(line) <= MESSAGE else f"{line[:MESSAGE]}..."


if __name__ == "__main__":
    sys.exit(main())
