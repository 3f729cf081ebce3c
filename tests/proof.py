"""The record of what held.

Claim -> test and versions; config -> bytes, versions and the check each line is for; cause -> what diagnose said of it.
"""

import datetime as dt
import hashlib
import json
from pathlib import Path

from survival import ANSWERS, ARRIVES, CHECKS, STAYS

from checks.lab.recipe import RECIPES as FOLDER
from checks.lab.recipe import recipes

ROOT = Path(__file__).resolve().parents[1]
PROOF = ROOT / "checks" / "proof.json"
DRAFT = ROOT / "_build" / "proof.json"
"""What the last run that was to prove has seen, whether or not everything held."""

RENEW = "run `make prove`, read what it says, and commit checks/proof.json with your change"

_seen = []


def collect(nodeid, properties):
    """Take note of a test that passed, in the process that writes the record."""
    _seen.append((nodeid.split("[")[0].split("@")[0], properties))


def renewed():
    """Return the record of this run."""
    claims, configs = {}, {name: _config(digest) for name, digest in digests().items()}
    for test, properties in _seen:
        ran_on = {value for key, value in properties if key == "on"}
        for key, value in properties:
            match key, value:
                case "proves", claim:
                    claims.setdefault(claim, {"test": test, "on": set()})["on"] |= ran_on
                case "config", name:
                    configs[name]["on"] |= ran_on
                case "survived", (name, build, check, because):
                    _survived(configs[name], build, check, because)
                case "line", (name, line, check):
                    configs[name]["lines"][line] = check
    for recipe in recipes().values():
        for part in recipe.parts:
            configs[name_of(part)]["on"] = set().union(*(configs[name_of(config)]["on"] for config in recipe.configs))
    for record in [*claims.values(), *configs.values()]:
        _sort(record)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    survival = [*(check.__doc__ for check in CHECKS.values()), STAYS, ANSWERS, ARRIVES]
    ordered = {"claims": dict(sorted(claims.items())), "verdicts": _verdicts()}
    return {"proven": today, "survival": survival, "configs": configs, **ordered}


def _verdicts():
    """Count what was said of each cause, by what made it: its name, no name, or a wrong one."""
    verdicts = {}
    for kind, truth, names in (value for _, properties in _seen for key, value in properties if key == "verdict"):
        said = "named" if names == [truth] else "wrong" if names else "undecided"
        seen = verdicts.setdefault(truth, {}).setdefault(kind, {})
        seen[said] = seen.get(said, 0) + 1
    return dict(sorted(verdicts.items()))


def _sort(record):
    """Bring a record of a claim or a config into an order that does not change from run to run."""
    record["on"] = sorted(record["on"], key=_by_version)
    if "lines" in record:
        record["lines"] = dict(sorted(record["lines"].items(), key=lambda line: int(line[0].split(":")[0])))
        record["held"] = dict(sorted(record["held"].items(), key=lambda held: _by_version(held[0])))
        record["exempt"] = {reason: sorted(on, key=_by_version) for reason, on in sorted(record["exempt"].items())}


def _config(digest):
    """Return the empty record of one config: bytes, builds, checks held per build, exemptions, lines."""
    return {"sha256": digest, "on": set(), "held": {}, "exempt": {}, "lines": {}}


def _survived(config, build, check, because):
    config["on"].add(build)
    if because:
        config["exempt"].setdefault(f"{check}: {because}", []).append(build)
    else:
        config["held"][build] = config["held"].get(build, 0) + 1


def name_of(config):
    """Return how the record names a config: its path below checks/recipes."""
    return config.relative_to(FOLDER).as_posix()


def id_of(value):
    """Return how tests name a build or a config."""
    return name_of(value) if isinstance(value, Path) else str(value).partition(" (")[0]


def record():
    """Return the record in the checkout, empty before the first one."""
    return json.loads(PROOF.read_text()) if PROOF.exists() else {"configs": {}, "claims": {}}


def hint(name, line):
    """Return the title of the check that this line of a config was last seen to be missed by, or None."""
    for path in (PROOF, DRAFT):
        lines = json.loads(path.read_text())["configs"].get(name, {}).get("lines", {}) if path.exists() else {}
        if line in lines:
            return lines[line]
    return None


def digests():
    """Return the SHA-256 of every published file and every broken twin, by its path below checks/recipes."""
    found = {}
    for recipe in recipes().values():
        for path in [*recipe.published, *recipe.twins]:
            found[name_of(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _by_version(name):
    return [int(part) if part.isdigit() else part for part in name.replace(".", " ").split()]
