"""Compare what a run saw with the record, checks/proof.json.

A run of a part of the suite is compared as far as it goes: what it saw must be in the record. After a whole run, what
is in the record must also have been seen. Builds that are not on this machine, and tests that did not run, are left
out.
"""

import functools
import json
import re
from collections import defaultdict
from dataclasses import dataclass

from proof import BROWSER, NO_PROXY, Run, facts, name_of

from checks.lab.recipe import recipes
from checks.lab.zoo import COMPILED

RECIPES = recipes()
NAME = "checks/proof.json"
SHOWN = 20
"""Differences that are shown one by one."""


@dataclass(frozen=True, order=True)
class Difference:
    """One entry of the record that does not fit."""

    line: int
    entry: str
    recorded: str
    seen: str

    def __str__(self):
        return f"{NAME}:{self.line}: {self.entry}: the record {self.recorded}, this run {self.seen}"


@dataclass
class Comparison:
    """What came of comparing a run with the record."""

    differences: list
    notes: list

    def lines(self):
        """Return what to print."""
        shown = [str(each) for each in sorted(self.differences)[:SHOWN]]
        if more := len(self.differences) - len(shown):
            shown.append(f"and {more} more")
        return [*self.notes, *shown, *(["to renew the record, run: make prove"] if shown else [])]


def places(text):
    """Return the line of each key and each entry of a list, by its path, of JSON with one of them to a line."""
    found, path = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r'( *)("(?:[^"\\]|\\.)*")', line):
            path[len(match[1]) // 2 - 1 :] = [json.loads(match[2])]
            found[tuple(path)] = number
    return found


def flat(record):
    """Return every entry that tests can show, by its path: a count, the title of a check, or True."""
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
    """Tell whether an entry counts tests, so that a part of the suite may see fewer."""
    return path[0] == "verdicts" or path[2] == "held"


def compare(text, run):
    """Return how the record, given as text, and a run differ."""
    return _Comparing(text, run).done()


class _Comparing:
    """One comparison, step by step."""

    def __init__(self, text, run):
        self.record, self.run = json.loads(text), run
        self.places = places(text)
        self.recorded = flat(self.record)
        self.seen = flat(facts(run.tests.values()))
        self.differences, self.notes = [], []
        self.names = {NO_PROXY: NO_PROXY}
        """How the record names each build of this run that it has."""
        self.excused = None

    def done(self):
        self.compare_builds()
        self.excused = _Excused(self.run, self.names)
        self.seen = {self.renamed(path): value for path, value in self.seen.items() if self.is_comparable(path)}
        for path, value in self.seen.items():
            self.compare_seen(path, value)
        if self.run.complete:
            here = set(self.names.values())
            for path, value in self.recorded.items():
                build = build_of(path)
                if path not in self.seen and (build is None or build in here) and not self.excused.covers(path):
                    self.differ(path, value, None)
        return Comparison(self.differences, self.notes)

    def compare_builds(self):
        """Compare versions, and find out how the record names the builds of this run."""
        table = self.record.get("builds", {})
        kept = {f"{program} {version}" for program, there in table.items() for version in there.values()}
        used = {build for test in self.run.tests.values() for build in test.values("on")}
        moved = []
        for program, here in self.run.builds.items():
            for origin, version in here.items():
                name, recorded = f"{program} {version}", table.get(program, {}).get(origin)
                if version == recorded:
                    self.names[name] = name
                elif recorded and not is_fixed(origin) and digits(version) > digits(recorded):
                    moved.append((program, origin, recorded, version))
                elif name in used or self.run.complete:
                    self.differ(("builds", program, origin), recorded, version)
        for program, origin, recorded, version in moved:
            # Where another origin has the new version too, nothing is left to compare under the old one.
            if f"{program} {version}" not in kept:
                self.names[f"{program} {version}"] = f"{program} {recorded}"
            if f"{program} {version}" in used:
                self.notes.append(
                    f"note: {NAME} names {title(program)} {recorded}{of(origin)}, this run used {version};"
                    " to renew it, run: make prove"
                )

    def is_comparable(self, path):
        return build_of(path) is None or build_of(path) in self.names

    def renamed(self, path):
        return path if build_of(path) is None else (*path[:-1], self.names[path[-1]])

    def compare_seen(self, path, value):
        """Compare one thing that this run saw."""
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
        """Tell whether all builds are here on which the record says that this config ran."""
        return set(self.record["configs"][config]["on"]) <= set(self.names.values())

    def differ(self, path, recorded, seen):
        known = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.places), ())
        words = "has no such entry" if recorded is None else "has it" if recorded is True else f"says {recorded}"
        shown = "did not show it" if seen is None else "showed it" if seen is True else f"saw {seen}"
        self.differences.append(Difference(self.places.get(known, 1), ", ".join(map(str, path)), words, shown))


class _Excused:
    """The entries that a run may have missed because a test did not run or failed, as the record names them."""

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
        """Tell whether a test that did not pass may be why an entry was not seen."""
        if path[0] == "verdicts":
            return path[-1] in self.judged
        if path[0] == "claims":
            return path[1] in self.claims and (path[2] == "test" or path[-1] in self.claims[path[1]])
        if path[2] == "lines":
            return path[1] in self.files
        # A part of a recipe ran where the configs did that need it.
        recipe = path[1].partition("/")[0]
        needing = [path[1], *(configs_of(recipe) if path[1] in parts_of(recipe) else [])]
        return any((name, path[-1]) in self.sites for name in needing)


@functools.cache
def configs_of(recipe):
    return list(map(name_of, RECIPES[recipe].configs)) if recipe in RECIPES else []


@functools.cache
def parts_of(recipe):
    return list(map(name_of, RECIPES[recipe].parts)) if recipe in RECIPES else []


def is_fixed(origin):
    """Tell whether the version of an origin is fixed in recipe.toml, so that no mirror can move on."""
    return origin == "wheel" or origin.startswith(f"{COMPILED}-")


def title(program):
    """Return what people call a program."""
    return next((recipe.title for recipe in RECIPES.values() if recipe.program == program), program)


def of(origin):
    return "" if origin == BROWSER else f" from {origin}"


def digits(version):
    """Return the numbers of a version, to be compared; any text is a version here."""
    return list(map(int, re.findall(r"\d+", version)))


def merged(runs, shards):
    """Return the runs of all shards as one run of the whole suite.

    Raises ValueError that names the shard that is missing, twice there, or not finished.
    """
    by_shard = {run.shard: run for run in runs}
    if stray := sorted(set(by_shard) - set(shards)):
        raise ValueError(f"not a run of one shard: {stray[0] or 'a run without --shard'}")
    for shard in shards:
        if shard not in by_shard:
            raise ValueError(f"no run of the shard {shard}; add it with: python -m pytest --shard {shard}")
        run = by_shard[shard]
        if not run.whole or not run.finished:
            raise ValueError(f"the run of the shard {shard} is not complete: {len(run.tests)} of {run.planned} tests")
    builds = defaultdict(dict)
    for run in runs:
        for program, here in run.builds.items():
            builds[program] |= here
    tests = {name: test for run in runs for name, test in run.tests.items()}
    return Run(dict(builds), tests, planned=len(tests), whole=True)
