"""The record of results, checks/proof.json: read it, and make it from a run.

It has the test and the builds of each claim, and the digest, the builds and the check for each line of each config.
For each cause, it counts what `diagnose` named.
"""

import datetime as dt
import functools
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from checks.lab.recipe import RECIPES as FOLDER
from checks.lab.recipe import recipes
from support.conformance import ANSWERS, ARRIVES, CHECKS, STAYS

ROOT = Path(__file__).resolve().parents[2]
PROOF = ROOT / "checks" / "proof.json"
DRAFT = ROOT / "_build" / "proof.json"
"""The results of the last `make prove`, even if tests failed."""

VERSION = re.compile(r"\d+(\.\d+)*")

RENEW = "run `make prove`, read the changes in checks/proof.json, and commit it with your change"
BROWSER = "browser"
"""The origin of the browser in the table of builds."""

NO_PROXY = "no proxy"
"""The name in place of a build, for a test without a proxy."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test.

    `name` is its id without parameters. `properties` has a key and a value for each result that it recorded.
    """

    name: str
    passed: bool
    properties: list

    def values(self, key):
        """Return the values that the test recorded under a key."""
        return [value for name, value in self.properties if name == key]


@dataclass
class Run:
    """The results of a run of the suite or a part of it."""

    builds: dict
    """The version of each build on this machine, by program and origin."""
    tests: dict = field(default_factory=dict)
    """The outcome of each test by its id."""
    planned: int = 0
    """The number of tests that were selected."""
    whole: bool = False
    """Whether all tests were selected, or all of a shard."""
    shard: str = ""

    @property
    def finished(self):
        """Whether every selected test ran or was skipped."""
        return len(self.tests) == self.planned

    @property
    def complete(self):
        """Whether every test of the suite ran or was skipped."""
        return self.whole and self.finished and not self.shard

    def write(self, path):
        """Write the run to a file for `read`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, path):
        """Return the run in a file."""
        data = json.loads(path.read_text())
        return cls(**{**data, "tests": {name: Outcome(**test) for name, test in data["tests"].items()}})


def id_without_group(nodeid):
    """Return the id of a test without the group that xdist adds."""
    return nodeid[: nodeid.rfind("@")] if nodeid.rfind("@") > nodeid.rfind("]") else nodeid


def facts(tests):
    """Return the results of the tests that passed, in the form of the record."""
    claims, configs, verdicts = {}, {}, {}
    for test in sorted((test for test in tests if test.passed), key=lambda test: test.name):
        ran_on = set(test.values("on"))
        for key, value in test.properties:
            match key, value:
                case "proves", claim:
                    claims.setdefault(claim, {"test": test.name, "on": set()})["on"] |= ran_on
                case "config", name:
                    configs.setdefault(name, _config())["on"] |= ran_on
                case "survived", (name, build, check, because):
                    _survived(configs.setdefault(name, _config()), build, check, because)
                case "line", (name, line, check):
                    configs.setdefault(name, _config())["lines"][line] = check
                case "verdict", (kind, truth, names, build):
                    _judge(verdicts.setdefault(truth, {}).setdefault(kind, {}), truth, names, build)
    _add_parts(configs)
    return {"claims": claims, "configs": configs, "verdicts": verdicts}


def _config():
    """Return the empty record of a config."""
    return {"on": set(), "held": {}, "exempt": {}, "lines": {}}


def _survived(config, build, check, because):
    config["on"].add(build)
    if because:
        config["exempt"].setdefault(f"{check}: {because}", set()).add(build)
    else:
        config["held"][build] = config["held"].get(build, 0) + 1


def _judge(kind, truth, names, build):
    """Count a verdict: `diagnose` named the cause, left it undecided, or was wrong."""
    verdict = "named" if names == [truth] else "wrong" if names else "undecided"
    counts = kind.setdefault(verdict, {})
    counts[build] = counts.get(build, 0) + 1


def _add_parts(configs):
    """Add the parts of each recipe, with the builds of the configs that need them."""
    for recipe in recipes().values():
        for part in recipe.parts:
            ran_on = set().union(*(configs[name]["on"] for name in map(name_of, recipe.configs) if name in configs))
            if ran_on:
                configs.setdefault(name_of(part), _config())["on"] = ran_on


def renewed(run):
    """Return the record of a run, in a stable order."""
    found = facts(run.tests.values())
    configs = {name: {"sha256": digest, **found["configs"].get(name, _config())} for name, digest in digests().items()}
    survival = [*(check.__doc__ for check in CHECKS.values()), STAYS, ANSWERS, ARRIVES]
    record = {
        "proven": dt.datetime.now(dt.UTC).date().isoformat(),
        "builds": run.builds,
        "survival": survival,
        "configs": configs,
        "claims": found["claims"],
        "verdicts": found["verdicts"],
    }
    return ordered(record)


def ordered(record):
    """Return a record in its stable order; only configs keep theirs."""
    configs = {name: dict(config) for name, config in record["configs"].items()}
    for config in configs.values():
        config["on"] = sorted(config["on"], key=by_version)
        config["held"] = _by_build(config["held"])
        config["exempt"] = {why: sorted(on, key=by_version) for why, on in sorted(config["exempt"].items())}
        config["lines"] = dict(sorted(config["lines"].items(), key=lambda line: int(line[0].split(":")[0])))
    claims = {
        name: {"test": claim["test"], "on": sorted(claim["on"], key=by_version)}
        for name, claim in sorted(record["claims"].items())
    }
    verdicts = {
        truth: {
            kind: {verdict: _by_build(counts) for verdict, counts in sorted(found.items())}
            for kind, found in sorted(kinds.items())
        }
        for truth, kinds in sorted(record["verdicts"].items())
    }
    builds = {program: dict(sorted(origins.items())) for program, origins in sorted(record["builds"].items())}
    return {**record, "builds": builds, "configs": configs, "claims": claims, "verdicts": verdicts}


def _by_build(counts):
    return dict(sorted(counts.items(), key=lambda item: by_version(item[0])))


def by_version(name):
    """Return a key that sorts `nginx 1.9` before `nginx 1.10`."""
    return [int(part) if part.isdigit() else part for part in name.replace(".", " ").split()]


def as_text(record):
    """Return the text of a record, as in its file."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def name_of(config):
    """Return the name of a config in the record: its path below checks/recipes."""
    return config.relative_to(FOLDER).as_posix()


def id_of(value):
    """Return the name of a build or a config in ids of tests."""
    return name_of(value) if isinstance(value, Path) else str(value).partition(" (")[0]


def record():
    """Return the record in the checkout, or an empty one."""
    return json.loads(text_of(PROOF))


def text_of(path):
    """Return the text of a record, or of an empty one if the file is missing."""
    return path.read_text() if path.exists() else as_text({"builds": {}, "configs": {}, "claims": {}, "verdicts": {}})


def hint(name, line):
    """Return the title of the check that last failed without a line, or None."""
    for lines in map(_lines, (PROOF, DRAFT)):
        if (name, line) in lines:
            return lines[name, line]
    return None


@functools.cache
def _lines(path):
    """Return the title of the check for each line of each config in a record."""
    configs = json.loads(path.read_text())["configs"] if path.exists() else {}
    return {(name, line): check for name, config in configs.items() for line, check in config["lines"].items()}


def digests():
    """Return the SHA-256 of each published file and each broken variant, by name.

    For a variant, it is the digest of the published file with the patch applied, so it changes with either of them.
    """
    found = {}
    for recipe in recipes().values():
        for path in [*recipe.published, *recipe.broken]:
            found[name_of(path)] = hashlib.sha256(recipe.text(path).encode()).hexdigest()
    return found


def lines_of(path):
    """Yield the number and the text of each line that is more than a comment."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.strip().startswith("#"):
            yield number, line.strip()
