"""Compare the results of a run with the record, checks/proof.json.

Every result of a run must be in the record. After a run of the whole suite, every entry of the record must also be
among the results. Builds that are not on this machine, and tests that did not run, are left out.
"""

import functools
import json
import re
from collections import defaultdict
from dataclasses import dataclass

from checks.lab.recipe import recipes
from support.proof import BROWSER, NO_PROXY, Run, facts, name_of

RECIPES = recipes()
NAME = "checks/proof.json"
NEXT_STEP = "fix what changed, or, if you meant to change it, run `make prove` and commit checks/proof.json"
MAX_LISTED = 20
"""Differences that are listed; the rest are counted."""


@dataclass(frozen=True, order=True)
class Difference:
    """An entry of the record that does not match the run."""

    line: int
    sentence: str

    def __str__(self):
        return f"{NAME}:{self.line}: {self.sentence}"


@dataclass
class Comparison:
    """The differences between a run and the record, and notes that are not failures."""

    differences: list
    notes: list

    def lines(self):
        """Return what to print."""
        listed = [str(difference) for difference in sorted(self.differences)[:MAX_LISTED]]
        if more := len(self.differences) - len(listed):
            listed.append(f"and {more} more")
        return [*self.notes, *listed, *([NEXT_STEP] if listed else [])]


def places(text):
    """Return the line of each key and list entry by its path.

    `text` is JSON with one key or entry a line.
    """
    found, path = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r'( *)("(?:[^"\\]|\\.)*")', line):
            path[len(match[1]) // 2 - 1 :] = [json.loads(match[2])]
            found[tuple(path)] = number
    return found


def flat(record):
    """Return each entry that comes from tests, by its path.

    Its value is a count, the title of a check, the name of a test, or True.
    """
    found = {}
    for name, claim in record["claims"].items():
        found["claims", name, "test"] = claim["test"]
        found |= {("claims", name, "on", build): True for build in claim["on"]}
    for name, config in record["configs"].items():
        for key in ("held", "lines"):
            found |= {("configs", name, key, entry): value for entry, value in config[key].items()}
        found |= {("configs", name, "on", build): True for build in config["on"]}
        found |= {("configs", name, "exempt", why, build): True for why, on in config["exempt"].items() for build in on}
    for truth, kinds in record["verdicts"].items():
        for kind, verdicts in kinds.items():
            for verdict, counts in verdicts.items():
                found |= {("verdicts", truth, kind, verdict, build): count for build, count in counts.items()}
    return found


def build_of(path):
    """Return the build that an entry is about, or None."""
    return path[-1] if path[0] == "verdicts" or path[2] in {"on", "held", "exempt"} else None


def is_count(path):
    """Tell whether an entry counts tests: a run of a part then counts fewer."""
    return path[0] == "verdicts" or path[2] == "held"


def compare(text, run):
    """Compare a record, given as text, with a run."""
    return _Comparing(text, run).result()


class _Comparing:
    """One comparison, step by step."""

    def __init__(self, text, run):
        self.record, self.run = json.loads(text), run
        self.places = places(text)
        self.recorded = flat(self.record)
        self.results = flat(facts(run.tests.values()))
        self.differences, self.notes = [], []
        self.names = {NO_PROXY: NO_PROXY}
        """The name of each build of this run in the record."""
        self.excused = None

    def result(self):
        self.compare_builds()
        self.excused = _Excused(self.run, self.names)
        self.results = {self.renamed(path): value for path, value in self.results.items() if self.is_comparable(path)}
        for path, value in self.results.items():
            self.compare_result(path, value)
        if self.run.complete:
            here = set(self.names.values())
            for path, value in self.recorded.items():
                build = build_of(path)
                if path not in self.results and (build is None or build in here) and not self.excused.covers(path):
                    self.differ(path, value, None)
        return Comparison(self.differences, self.notes)

    def compare_builds(self):
        """Compare versions, and look up the names of the builds in the record."""
        table = self.record.get("builds", {})
        kept = {f"{program} {version}" for program, origins in table.items() for version in origins.values()}
        used = {build for test in self.run.tests.values() for build in test.values("on")}
        moved = []
        for program, here in self.run.builds.items():
            for origin, version in here.items():
                name, recorded = f"{program} {version}", table.get(program, {}).get(origin)
                if version == recorded:
                    self.names[name] = name
                elif recorded and not is_fixed(program, origin) and digits(version) > digits(recorded):
                    moved.append((program, origin, recorded, version))
                elif name in used or self.run.complete:
                    self.differ(("builds", program, origin), recorded, version)
        for program, origin, recorded, version in moved:
            # If another origin already has the new version, there is nothing to compare under the old one.
            if f"{program} {version}" not in kept:
                self.names[f"{program} {version}"] = f"{program} {recorded}"
            if f"{program} {version}" in used:
                self.notes.append(
                    f"note: {NAME} has {title(program)} {recorded}{suffix(origin)}, but this run used {version};"
                    " to update the record, run: make prove"
                )

    def is_comparable(self, path):
        return build_of(path) is None or build_of(path) in self.names

    def renamed(self, path):
        return path if build_of(path) is None else (*path[:-1], self.names[path[-1]])

    def compare_result(self, path, value):
        """Compare a result of this run with the record."""
        recorded = self.recorded.get(path)
        if value == recorded:
            return
        if is_count(path):
            partial = not self.run.complete or self.excused.covers(path)
            if partial and value < (recorded or 0):
                return
        elif path[2] == "test":
            if not self.run.complete or self.excused.covers(path):
                return
        elif path[2] == "lines" and recorded and not self.has_all_builds(path[1]):
            return
        self.differ(path, recorded, value)

    def has_all_builds(self, config):
        """Tell whether this machine has every build that the record lists for a config."""
        return set(self.record["configs"][config]["on"]) <= set(self.names.values())

    def differ(self, path, recorded, result):
        known = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.places), ())
        self.differences.append(Difference(self.places.get(known, 1), describe(path, recorded, result)))


COUNT = "{name} passed {result} conformance checks on {build}, but {recorded} are recorded"
SENTENCES = {
    ("claims", "test"): (
        "claim {name} is recorded as proved by {recorded}, but no test of this run proved it",
        "claim {name} was proved by {result} in this run, but that claim is not recorded",
        "claim {name} is recorded as proved by {recorded}, but this run proved it with {result}",
    ),
    ("claims", "on"): (
        "claim {name} is recorded as proved on {build}, but no test of this run proved it there",
        "claim {name} was proved on {build} in this run, but that build is not recorded",
        "",
    ),
    ("configs", "on"): (
        "{name} is recorded as run on {build}, but it did not run there in this run",
        "{name} ran on {build} in this run, but that build is not recorded",
        "",
    ),
    ("configs", "held"): (COUNT, COUNT, COUNT),
    ("configs", "exempt"): (
        "{name} is recorded as exempt on {build} ({entry}), but it was not exempt in this run",
        "{name} was exempt on {build} in this run ({entry}), but no such exemption is recorded",
        "",
    ),
    ("configs", "lines"): (
        '{name} without line {entry} is recorded as failing "{recorded}", but this run did not test that line',
        '{name} without line {entry} failed "{result}" in this run, but that line is not recorded',
        '{name} without line {entry} is recorded as failing "{recorded}", but in this run it failed "{result}"',
    ),
}
"""How to describe an entry that the run lacks, that the record lacks, and that has another value."""

ACTIONS = {"named": "named it", "undecided": "left it undecided", "wrong": "named a wrong cause"}


def describe(path, recorded, result):
    """Describe in one sentence how the record and a run differ in an entry.

    A value that the record or the run lacks is None.
    """
    kind, name, key, *rest = path
    if kind == "builds":
        return f"{title(name)}{suffix(key)} is recorded as {recorded or 'missing'}, but this machine has {result}"
    if kind == "verdicts":
        verdict, build = rest
        times = "once" if result == 1 else f"{result or 0} times"
        return (
            f"cause {name} ({key}, {build}): diagnose {ACTIONS[verdict]} {times} in this run,"
            f" but the record counts {recorded or 0}"
        )
    without_result, without_recorded, both = SENTENCES[kind, key]
    template = without_result if result is None else without_recorded if recorded is None else both
    entry, build = (rest[0], rest[-1]) if rest else ("", "")
    return template.format(name=name, entry=entry, build=build, recorded=recorded or 0, result=result or 0)


class _Excused:
    """Entries that a run may lack because their tests failed or did not run.

    Builds have the names that the record gives them.
    """

    def __init__(self, run, names):
        self.claims = defaultdict(set)
        self.sites, self.files, self.judged = set(), set(), set()
        self.browsers = [f"{program} {here[BROWSER]}" for program, here in run.builds.items() if BROWSER in here]
        for test in run.tests.values():
            if not test.passed:
                self.add(test, [names.get(build, build) for build in test.values("on")])

    def add(self, test, builds):
        files = test.values("file")
        for claim in test.values("proves"):
            self.claims[claim] |= {*builds, *self.browsers}
        self.files |= set(files)
        self.sites |= {(file, build) for file in files for build in builds}
        if test.values("judges"):
            self.judged |= set(builds[:1] or [NO_PROXY])

    def covers(self, path):
        """Tell whether an entry may be missing because a test did not pass."""
        if path[0] == "verdicts":
            return path[-1] in self.judged
        if path[0] == "claims":
            return path[1] in self.claims and (path[2] == "test" or path[-1] in self.claims[path[1]])
        if path[2] == "lines":
            return path[1] in self.files
        # A part of a recipe ran on the builds of the configs that need it.
        recipe = path[1].partition("/")[0]
        needing = [path[1], *(configs_of(recipe) if path[1] in parts_of(recipe) else [])]
        return any((name, path[-1]) in self.sites for name in needing)


@functools.cache
def configs_of(recipe):
    return list(map(name_of, RECIPES[recipe].configs)) if recipe in RECIPES else []


@functools.cache
def parts_of(recipe):
    return list(map(name_of, RECIPES[recipe].parts)) if recipe in RECIPES else []


def is_fixed(program, origin):
    """Tell whether recipe.toml fixes the version of an origin."""
    declared = [recipe.origins for recipe in RECIPES.values() if recipe.program == program]
    return any(origin in origins and origins[origin].pinned for origins in declared)


def title(program):
    """Return the name of a program as people write it."""
    return next((recipe.title for recipe in RECIPES.values() if recipe.program == program), program)


def suffix(origin):
    """Return " from ORIGIN", or nothing for a browser."""
    return "" if origin == BROWSER else f" from {origin}"


def digits(version):
    """Return the numbers in a version, for comparison; any text will do."""
    return list(map(int, re.findall(r"\d+", version)))


def merged(runs, shards):
    """Return the runs of all shards as one run of the whole suite.

    Raises ValueError if a shard is missing or not finished, or if a run has no shard.
    """
    by_shard = {run.shard: run for run in runs}
    if stray := sorted(set(by_shard) - set(shards)):
        raise ValueError(f"expected runs of single shards, got {stray[0] or 'a run without --shard'}")
    for shard in shards:
        if shard not in by_shard:
            raise ValueError(f"the run of shard {shard} is missing; to add it, run: make test SHARD={shard}")
        run = by_shard[shard]
        if not run.whole or not run.finished:
            ran = f"{len(run.tests)} of {run.planned} tests ran"
            raise ValueError(f"the run of shard {shard} is not complete: {ran}; run again: make test SHARD={shard}")
    builds = defaultdict(dict)
    for run in runs:
        for program, here in run.builds.items():
            builds[program] |= here
    tests = {name: test for run in runs for name, test in run.tests.items()}
    return Run(dict(builds), tests, planned=len(tests), whole=True)
