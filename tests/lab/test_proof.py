"""The record matches the checkout, and a run detects every false entry."""

import copy
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.compare import NEXT_STEP, Comparison, compare, describe, flat, merged, places
from support.conformance import ANSWERS, ARRIVES, CHECKS, STAYS
from support.machine import RECIPES, SHARDS, builds_of, every, shard_of
from support.proof import (
    BROWSER,
    NO_PROXY,
    PROOF,
    RENEW,
    ROOT,
    VERSION,
    Outcome,
    Run,
    as_text,
    digests,
    lines_of,
    ordered,
    record,
    renewed,
)

from checks.lab.recipe import RECIPES as FOLDER
from docs._ext.proof import title

pytestmark = pytest.mark.reads_proof

CLAIM = re.compile(r"\{proven\}`([^`]+)`")


def claims_of_pages():
    """Return the places of each claim in the pages."""
    found = {}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for claim in CLAIM.findall(line):
                found.setdefault(claim, []).append(f"{page.relative_to(ROOT)}:{number}")
    return found


@pytest.mark.quick
def test_every_claim_has_a_page_and_a_test():
    pages = claims_of_pages()
    marks = {
        claim
        for test in sorted((ROOT / "tests").rglob("test_*.py"))
        for claim in re.findall(r"mark\.proves\(\s*\"([^\"]+)\"", test.read_text())
    }
    untested = {claim: places for claim, places in pages.items() if claim not in marks}
    assert not untested, f"no test proves these claims: mark one with @pytest.mark.proves(...): {untested}"
    unused = sorted(marks - set(pages))
    assert not unused, f"no page has these claims of tests: end a sentence with {{proven}}`...`: {unused}"


@pytest.mark.quick
def test_every_claim_has_a_title(kept):
    untitled = [claim["test"] for claim in kept["claims"].values() if not title(claim["test"])]
    assert untitled == [], "the docstring of each of these tests is the title of its claim on the pages"


# The record and the checkout


def flaws(kept):
    """Yield the path and a message for each entry that cannot be true on any machine."""
    yield from flaws_of_builds(kept["builds"])
    known = {f"{program} {version}" for program, origins in kept["builds"].items() for version in origins.values()}
    for path, build in builds_named(kept):
        if build not in known | {NO_PROXY}:
            yield path, f"{build} is not in the table of builds"
    yield from flaws_of_configs(kept["configs"])
    pages = claims_of_pages()
    for claim in sorted(set(kept["claims"]) ^ set(pages)):
        yield ("claims", claim), f"no page has the claim {claim}" if claim not in pages else f"no test proved {claim}"
    for claim, proven in kept["claims"].items():
        path, _, name = proven["test"].partition("::")
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text():
            yield ("claims", claim, "test"), f"the test {proven['test']} does not exist"
    if kept["survival"] != [*(check.__doc__ for check in CHECKS.values()), STAYS, ANSWERS, ARRIVES]:
        yield ("survival",), "the checks differ from those in tests/support/conformance.py"


def flaws_of_builds(builds):
    """Compare the table of builds with the recipes."""
    declared = {recipe.program: recipe.origins for recipe in RECIPES.values()}
    for program, versions in builds.items():
        for origin, version in versions.items():
            wanted = declared.get(program, {}).get(origin)
            if not VERSION.fullmatch(version):
                yield ("builds", program, origin), f"{version} is not a version"
            elif origin == BROWSER and program not in declared:
                continue
            elif wanted is None:
                yield ("builds", program, origin), f"no recipe declares {program} from {origin}"
            elif wanted.pinned not in {"", version}:
                yield ("builds", program, origin), f"recipe.toml declares {wanted.pinned}, not {version}"


def builds_named(kept):
    """Yield the path and the build of each entry about a build."""
    for kind in ("configs", "claims"):
        for name, entry in kept[kind].items():
            for key in ("on", "held"):
                yield from (((kind, name, key, build), build) for build in entry.get(key, []))
            for why, on in entry.get("exempt", {}).items():
                yield from (((kind, name, "exempt", why, build), build) for build in on)
    for truth, kinds in kept["verdicts"].items():
        for kind, verdicts in kinds.items():
            for verdict, counts in verdicts.items():
                yield from ((("verdicts", truth, kind, verdict, build), build) for build in counts)


def flaws_of_configs(configs):
    """Compare the configs of the record with the files."""
    now = digests()
    for name in sorted(set(configs) - set(now)):
        yield ("configs", name), f"checks/recipes/{name} does not exist"
    for name, digest in now.items():
        config = configs.get(name)
        if not config or config["sha256"] != digest:
            yield ("configs", name, "sha256"), f"checks/recipes/{name} has changed since the record was written"
            continue
        if not config["on"]:
            yield ("configs", name, "on"), f"checks/recipes/{name} has no builds: no test ran it"
        lines = [f"{number}: {line}" for number, line in lines_of(FOLDER / name)]
        if "/broken/" not in name and list(config["lines"]) != lines:
            yield ("configs", name, "lines"), f"the lines differ from those of checks/recipes/{name}"
        for build, held in config["held"].items():
            exempt = sum(build in on for on in config["exempt"].values())
            if held + exempt != len(CHECKS):
                yield (
                    ("configs", name, "held", build),
                    f"expected {len(CHECKS)} checks, got {held} passed and {exempt} exempt",
                )


def messages(kept):
    """Return a message with a line for each flaw of a record."""
    lines = places(as_text(kept))

    def line(path):
        return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)

    return [f"checks/proof.json:{line(path)}: {message}" for path, message in flaws(kept)]


@pytest.mark.quick
def test_the_record_matches_the_checkout():
    found = messages(record())
    assert not found, "\n".join([*found, RENEW])


@pytest.fixture
def kept():
    """A copy of the record, for tests that change it."""
    return copy.deepcopy(record())


def some_config(kept):
    """Return the name and the entry of the config with the most builds."""
    return max(kept["configs"].items(), key=lambda item: len(item[1]["held"]))


def test_a_build_outside_the_table_is_a_flaw(kept):
    claim = next(claim for claim in kept["claims"].values() if claim["on"])
    claim["on"].append("nginx 9.9.9")
    (found,) = messages(kept)
    assert re.fullmatch(r"checks/proof\.json:\d+: nginx 9\.9\.9 is not in the table of builds", found)
    assert as_text(kept).splitlines()[int(found.split(":")[1]) - 1].strip() == '"nginx 9.9.9"'


@pytest.mark.parametrize(
    ("program", "origin", "version", "message"),
    [
        ("nginx", "wheel", "9.9.9", r"recipe\.toml declares 1\.[\d.]+, not 9\.9\.9"),
        ("nginx", "bookworm", "9.9.x", r"9\.9\.x is not a version"),
        ("nginx", "sid", "9.9.9", r"no recipe declares nginx from sid"),
        ("nginy", "bookworm", "9.9.9", r"no recipe declares nginy from bookworm"),
    ],
)
def test_an_undeclared_origin_or_version_is_a_flaw(kept, program, origin, version, message):
    kept["builds"].setdefault(program, {})[origin] = version
    assert re.search(message, messages(kept)[0])


def test_a_wrong_digest_count_or_line_is_a_flaw(kept):
    name, config = some_config(kept)
    config["sha256"] = "0" * 64
    assert f"checks/recipes/{name} has changed since the record was written" in messages(kept)[0]
    config["sha256"] = digests()[name]
    build = next(iter(config["held"]))
    config["held"][build] -= 1
    assert f"expected {len(CHECKS)} checks, got {len(CHECKS) - 1} passed and 0 exempt" in messages(kept)[0]
    config["held"][build] += 1
    config["lines"]["1: made up"] = STAYS
    assert f"the lines differ from those of checks/recipes/{name}" in messages(kept)[0]


def test_a_claim_without_its_test_or_page_is_a_flaw(kept):
    claim = next(iter(kept["claims"].values()))
    claim["test"] = "tests/proxies/test_broken.py::test_that_is_gone"
    kept["claims"]["made-up"] = {"test": "tests/lab/test_proof.py::test_the_record_matches_the_checkout", "on": []}
    first, second = messages(kept)
    assert "no page has the claim made-up" in first
    assert "the test tests/proxies/test_broken.py::test_that_is_gone does not exist" in second


# The record and a run, which is made from the record


def run_of(kept):
    """Return a run of the whole suite whose results are exactly those of a record."""
    tests = []
    for claim, proven in kept["claims"].items():
        tests += [(proven["test"], [["proves", claim], ["on", build]]) for build in proven["on"]]
        tests += [(proven["test"], [["proves", claim]])] if not proven["on"] else []
    for name, config in kept["configs"].items():
        if "/broken/" in name:
            tests += [("broken", [["config", name], ["on", build]]) for build in config["on"]]
        for build, held in config["held"].items():
            tests += [("survives", survived(name, build, f"check {number}", "")) for number in range(held)]
        for why, on in config["exempt"].items():
            tests += [("survives", survived(name, build, *why.split(": ", 1))) for build in on]
        tests += [("line", [["file", name], ["line", [name, *line]]]) for line in config["lines"].items()]
    for truth, kinds in kept["verdicts"].items():
        for kind, verdicts in kinds.items():
            for verdict, counts in verdicts.items():
                names = {"named": [truth], "undecided": [], "wrong": ["another"]}[verdict]
                for build, count in counts.items():
                    on = [] if build == NO_PROXY else [["on", build]]
                    judged = [["judges", True], ["verdict", [kind, truth, names, build]], *on]
                    tests += [("judged", judged)] * count
    outcomes = {
        f"{name}[{number}]": Outcome(name, passed=True, properties=results)
        for number, (name, results) in enumerate(tests)
    }
    return Run(copy.deepcopy(kept["builds"]), outcomes, planned=len(outcomes), whole=True)


def survived(name, build, check, because):
    return [["on", build], ["file", name], ["survived", [name, build, check, because]]]


def part(run, number=1):
    """Return a run with every n-th test of another."""
    return replace(run, tests=dict(list(run.tests.items())[::number]), whole=False)


def without(run, builds):
    """Return a run as it would be without these builds."""
    here = {
        program: {origin: version for origin, version in versions.items() if f"{program} {version}" not in builds}
        for program, versions in run.builds.items()
    }
    tests = {
        name: replace(test, passed=not set(test.values("on")) & set(builds) and test.passed)
        for name, test in run.tests.items()
    }
    return replace(run, builds=here, tests=tests)


def differences(kept, run):
    return list(map(str, sorted(compare(as_text(kept), run).differences)))


def test_a_run_with_the_results_of_the_record_matches():
    run = run_of(record())
    assert compare(PROOF.read_text(), run) == Comparison([], [])
    assert compare(PROOF.read_text(), part(run, 7)) == Comparison([], [])


def test_a_record_survives_a_run_and_back():
    kept = record()
    assert {**renewed(run_of(kept)), "proven": kept["proven"]} == kept
    assert ordered(kept) == kept


def a_claim(kept):
    """Return a claim that is recorded on only one build."""
    return next((name, claim) for name, claim in kept["claims"].items() if len(claim["on"]) == 1)


def claim_elsewhere(kept):
    name, claim = a_claim(kept)
    program, version = claim["on"][0].split()
    other = next(f"{program} {each}" for each in kept["builds"][program].values() if each != version)
    claim["on"].append(other)
    return f"claim {name} is recorded as proved on {other}, but no test of this run proved it there"


def another_check(kept):
    name, config = some_config(kept)
    line, check = next(iter(config["lines"].items()))
    config["lines"][line] = STAYS
    return f'{name} without line {line} is recorded as failing "{STAYS}", but in this run it failed "{check}"'


def another_count(kept):
    kept["verdicts"]["works"]["peer"]["named"][NO_PROXY] += 1
    count = kept["verdicts"]["works"]["peer"]["named"][NO_PROXY]
    action = f"diagnose named it {count - 1} times in this run"
    return f"cause works (peer, {NO_PROXY}): {action}, but the record counts {count}"


def another_verdict(kept):
    kept["verdicts"]["works"]["peer"]["wrong"] = {NO_PROXY: 1}
    action = "diagnose named a wrong cause 0 times in this run"
    return f"cause works (peer, {NO_PROXY}): {action}, but the record counts 1"


def fewer_held(kept):
    name, config = some_config(kept)
    build = next(iter(config["held"]))
    config["held"][build] -= 1
    count = config["held"][build]
    return f"{name} passed {count + 1} conformance checks on {build}, but {count} are recorded"


def no_exemption(kept):
    name, config = next((name, config) for name, config in kept["configs"].items() if config["exempt"])
    why, on = next(iter(config["exempt"].items()))
    build = on.pop()
    return f"{name} was exempt on {build} in this run ({why}), but no such exemption is recorded"


def older_wheel(kept):
    kept["builds"]["traefik"]["wheel"] = "3.0.0"
    return "Traefik from wheel is recorded as 3.0.0, but this machine has "


def newer_than_the_mirror(kept):
    kept["builds"]["nginx"]["bookworm"] = "99.0"
    return "nginx from bookworm is recorded as 99.0, but this machine has "


FALSE_ENTRIES = [
    claim_elsewhere,
    another_check,
    another_count,
    another_verdict,
    fewer_held,
    no_exemption,
    older_wheel,
    newer_than_the_mirror,
]
"""Functions that make an entry of a record false, and return what a run reports."""


@pytest.mark.parametrize(("recorded", "result"), [("old", None), (None, "new"), ("old", "new")])
def test_every_entry_of_the_record_has_a_sentence(recorded, result, kept):
    for path in flat(kept):
        sentence = describe(path, recorded, result)
        can_change = path[-2] not in {"on", *kept["configs"].get(path[1], {}).get("exempt", ())}
        assert sentence or (recorded and result and not can_change), f"no sentence for {path}: add it to SENTENCES"


@pytest.mark.parametrize("falsify", FALSE_ENTRIES)
def test_a_whole_run_detects_a_false_entry_and_its_line(falsify, kept):
    run = run_of(kept)
    message = falsify(kept)
    (found,) = differences(kept, run)
    assert re.match(r"checks/proof\.json:\d+: ", found)
    assert message in found
    line = as_text(kept).splitlines()[int(found.split(":")[1]) - 1].strip()
    assert json.loads(re.match(r'"(?:[^"\\]|\\.)*"', line)[0]) in message


@pytest.mark.parametrize("falsify", [another_check, fewer_held, no_exemption, older_wheel])
def test_a_partial_run_detects_a_false_entry_about_its_tests(falsify, kept):
    run = part(run_of(kept))
    message = falsify(kept)
    (found,) = differences(kept, run)
    assert message in found


@pytest.mark.parametrize("falsify", [claim_elsewhere, another_count, another_verdict])
def test_a_partial_run_ignores_entries_about_other_tests(falsify, kept):
    run = part(run_of(kept))
    falsify(kept)
    assert differences(kept, run) == []


def test_a_result_that_is_not_recorded_is_a_difference(kept):
    run = run_of(kept)
    name, claim = next((name, claim) for name, claim in kept["claims"].items() if claim["on"])
    gone = claim["on"].pop()
    (found,) = differences(kept, run)
    assert f"claim {name} was proved on {gone} in this run, but that build is not recorded" in found


def other_builds(kept):
    """Return every build of the record that is not from a wheel."""
    return [
        f"{program} {version}"
        for program, versions in kept["builds"].items()
        for origin, version in versions.items()
        if origin != "wheel"
    ]


def test_builds_that_are_not_installed_are_left_out(kept):
    assert differences(kept, without(run_of(kept), other_builds(kept))) == []


@pytest.mark.parametrize("falsify", [another_count, older_wheel])
def test_missing_builds_do_not_hide_a_false_entry(falsify, kept):
    run = without(run_of(kept), other_builds(kept))
    message = falsify(kept)
    (found,) = differences(kept, run)
    assert message in found


def moved_on(run, program, origin, version):
    """Return a run as it would be with another version from an origin."""
    old = f"{program} {run.builds[program][origin]}"
    text = json.dumps([vars(test) for test in run.tests.values()]).replace(f'"{old}"', f'"{program} {version}"')
    tests = dict(zip(run.tests, (Outcome(**test) for test in json.loads(text)), strict=True))
    return replace(run, tests=tests, builds={**run.builds, program: {**run.builds[program], origin: version}})


@pytest.mark.parametrize(("program", "origin"), [("nginx", "bookworm"), ("Chromium", BROWSER)])
def test_a_newer_version_from_a_mirror_is_compared_and_noted(program, origin, kept):
    run = moved_on(run_of(kept), program, origin, "999.1")
    found = compare(as_text(kept), run)
    assert found.differences == []
    (note,) = found.notes
    assert f" {kept['builds'][program][origin]}" in note
    assert note.endswith("but this run used 999.1; to update the record, run: make prove")
    another_count(kept)
    assert len(differences(kept, run)) == 1


def test_two_origins_with_one_version_are_compared_once(kept):
    run = run_of(kept)
    old, new = (f"nginx {kept['builds']['nginx'][origin]}" for origin in ("bullseye", "trixie"))
    tests = {name: test for name, test in run.tests.items() if old not in test.values("on")}
    here = {**run.builds["nginx"], "bullseye": new.split()[1]}
    run = replace(run, tests=tests, planned=len(tests), builds={**run.builds, "nginx": here})
    assert differences(kept, run) == []
    kept["configs"]["nginx/http.conf"]["held"][new] -= 1
    (found,) = differences(kept, run)
    assert (
        f"nginx/http.conf passed {len(CHECKS)} conformance checks on {new}, but {len(CHECKS) - 1} are recorded" in found
    )


def without_nginx(run):
    """Return the part of a run that did not use nginx."""
    tests = {name: test for name, test in run.tests.items() if "nginx" not in str(test.properties)}
    return replace(run, tests=tests, whole=False)


@pytest.mark.parametrize("version", ["999.1", "0.1"])
def test_a_partial_run_ignores_versions_that_it_did_not_use(version, kept):
    run = without_nginx(moved_on(run_of(kept), "nginx", "bookworm", version))
    assert compare(as_text(kept), run) == Comparison([], [])


def test_a_missing_build_excuses_another_check_for_a_line(kept):
    run = run_of(kept)
    _, config = some_config(kept)
    another_check(kept)
    assert len(differences(kept, run)) == 1
    assert differences(kept, without(run, config["on"][:1])) == []


def failing(run, matches):
    """Return a run in which the tests that match failed."""
    tests = {name: replace(test, passed=test.passed and not matches(test)) for name, test in run.tests.items()}
    return replace(run, tests=tests)


@pytest.mark.parametrize("key", ["proves", "survived", "line", "verdict", "config"])
def test_a_failed_test_is_not_also_a_difference(key, kept):
    run = run_of(kept)
    first = next(test for test in run.tests.values() if test.values(key))
    extra = [["file", name] for name in first.values("config")]
    run = failing(run, lambda test: test is first)
    run.tests |= {
        name: replace(test, properties=test.properties + extra) for name, test in run.tests.items() if not test.passed
    }
    assert differences(kept, run) == []


def test_failed_configs_excuse_the_parts_that_they_need(kept):
    run = failing(run_of(kept), lambda test: "traefik 3.7.15" in test.values("on") and bool(test.values("survived")))
    assert not [found for found in differences(kept, run) if "traefik/static.yml" in found]


def test_a_failed_test_has_no_results(kept):
    run = run_of(kept)
    results = [["verdict", ["peer", "works", ["another"], NO_PROXY]]]
    run.tests["more"] = Outcome("more", passed=False, properties=results)
    assert differences(kept, replace(run, planned=run.planned + 1)) == []


def test_a_run_that_ended_early_is_compared_as_partial(kept):
    run = run_of(kept)
    claim_elsewhere(kept)
    assert differences(kept, replace(run, planned=run.planned + 1)) == []


def test_twenty_differences_are_listed_and_the_rest_counted(kept):
    run = run_of(kept)
    for claim in list(kept["claims"].values()):
        claim["on"] = []
    lines = compare(as_text(kept), run).lines()
    assert len(lines) == 22
    assert re.fullmatch(r"and \d+ more", lines[20])
    assert lines[21] == NEXT_STEP


# Shards


def split(run):
    """Split a run into one run for each shard."""
    tests = list(run.tests.items())
    parts = {shard: dict(tests[number :: len(SHARDS)]) for number, shard in enumerate(SHARDS)}
    return [replace(run, tests=each, planned=len(each), shard=shard) for shard, each in parts.items()]


def test_the_runs_of_all_shards_are_compared_as_one(kept, tmp_path):
    runs = split(run_of(kept))
    for run in runs:
        assert differences(kept, run) == []
        run.write(tmp_path / f"{run.shard}.json")
    message = claim_elsewhere(kept)
    (found,) = differences(kept, merged([Run.read(path) for path in tmp_path.iterdir()], SHARDS))
    assert message in found


def test_a_missing_or_incomplete_shard_is_an_error(kept):
    first, *others = split(run_of(kept))
    with pytest.raises(ValueError, match=f"the run of shard {first.shard} is missing; to add it, run"):
        merged(others, SHARDS)
    with pytest.raises(ValueError, match=f"the run of shard {first.shard} is not complete: 0 of "):
        merged([replace(first, tests={}), *others], SHARDS)
    with pytest.raises(ValueError, match="expected runs of single shards, got a run without --shard"):
        merged([replace(first, shard=""), *others], SHARDS)


def test_the_shards_make_up_the_whole_suite(request):
    items = request.session.items
    by_shard = {shard: [item for item in items if shard_of(item) == shard] for shard in SHARDS}
    assert sorted(item.nodeid for part in by_shard.values() for item in part) == sorted(item.nodeid for item in items)
    assert not [item for item in by_shard["rest"] if builds_of(item)]


def item(**params):
    return SimpleNamespace(callspec=SimpleNamespace(params=params))


def test_a_test_belongs_to_the_recipe_of_its_build():
    nginx, squid = RECIPES["nginx"].config(https=False), every("squid")[-1]
    assert shard_of(item(of_config=(nginx, 3, "listen 80;"))) == "nginx"
    assert shard_of(item(transcript=nginx, site=(squid, nginx))) == "squid"
    assert shard_of(item(transcript=FOLDER / "diagnose.console")) == "rest"
    assert shard_of(SimpleNamespace()) == "rest"


# The command line


ONE_TEST = "tests/findings/test_confusion.py::test_a_server_without_a_mistake_works[a DSS]"
"""A test that needs no proxy."""


def pytest_on(path, *arguments):
    """Run pytest with the record in a file."""
    command = [sys.executable, "-m", "pytest", "-q", f"--record={path}", "-o", f"cache_dir={path.parent}", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_run_with_a_false_record_fails_with_its_line(workers, kept, tmp_path):
    path = tmp_path / "proof.json"
    path.write_text(as_text(kept))
    assert pytest_on(path, "-n", workers, ONE_TEST).returncode == 0
    del kept["verdicts"]["works"]["peer"]
    path.write_text(as_text(kept))
    line = places(as_text(kept))["verdicts", "works"]
    done = pytest_on(path, "-n", workers, ONE_TEST)
    assert done.returncode == 1
    assert (
        f"checks/proof.json:{line}: cause works (peer, {NO_PROXY}):"
        f" diagnose named it once in this run, but the record counts 0\n{NEXT_STEP}"
    ) in done.stdout


def test_merge_compares_the_results_of_all_shards(kept, tmp_path):
    files = [tmp_path / f"seen-{run.shard}.json" for run in split(run_of(kept))]
    for file, run in zip(files, split(run_of(kept)), strict=True):
        run.write(file)
    path = tmp_path / "proof.json"
    message = claim_elsewhere(kept)
    path.write_text(as_text(kept))
    done = pytest_on(path, "--merge", tmp_path / "seen-*.json")
    assert done.returncode == 1, done.stderr
    assert message in done.stdout
    files[0].unlink()
    done = pytest_on(path, f"--merge={tmp_path}/seen-*.json")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--merge: the run of shard {SHARDS[0]} is missing" in done.stderr
