"""The record, checks/proof.json: it fits the checkout, and a run finds each lie in it."""

import copy
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from compare import Comparison, compare, merged, places
from machine import RECIPES, SHARDS, builds_of, every, shard_of
from proof import (
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
    pinned,
    record,
    renewed,
)
from survival import ANSWERS, ARRIVES, CHECKS, STAYS

from checks.lab.recipe import RECIPES as FOLDER
from checks.lab.zoo import origins

pytestmark = pytest.mark.reads_proof

CLAIM = re.compile(r"\{proven\}`([^`]+)`")


def claims_of_pages():
    """Return where each claim stands."""
    found = {}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for claim in CLAIM.findall(line):
                found.setdefault(claim, []).append(f"{page.relative_to(ROOT)}:{number}")
    return found


@pytest.mark.quick
def test_every_claim_of_a_page_has_a_test_and_every_claim_of_a_test_a_page():
    pages = claims_of_pages()
    marks = {
        claim
        for test in sorted((ROOT / "tests").glob("test_*.py"))
        for claim in re.findall(r"mark\.proves\(\s*\"([^\"]+)\"", test.read_text())
    }
    untested = {claim: places for claim, places in pages.items() if claim not in marks}
    assert not untested, f"mark the test that holds each of these with @pytest.mark.proves(...): {untested}"
    unsaid = sorted(marks - set(pages))
    assert not unsaid, f"no page says what these tests prove: end the sentence with {{proven}}`...`: {unsaid}"


# What can be seen in the record without running a proxy.


def flaws(kept):
    """Return (path, message) of all that cannot be true of a record, whatever is on this machine."""
    yield from flaws_of_builds(kept["builds"])
    known = {f"{program} {version}" for program, here in kept["builds"].items() for version in here.values()}
    for path, build in builds_named(kept):
        if build not in known | {NO_PROXY}:
            yield path, f"{build} is not in the table of builds"
    yield from flaws_of_configs(kept["configs"])
    pages = claims_of_pages()
    for claim in sorted(set(kept["claims"]) ^ set(pages)):
        yield ("claims", claim), f"no page claims {claim}" if claim not in pages else f"{claim} was never proven"
    for claim, proven in kept["claims"].items():
        path, _, name = proven["test"].partition("::")
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text():
            yield ("claims", claim, "test"), f"there is no test {proven['test']}"
    if kept["survival"] != [*(check.__doc__ for check in CHECKS.values()), STAYS, ANSWERS, ARRIVES]:
        yield ("survival",), "these are not the checks of tests/survival.py"


def flaws_of_builds(builds):
    """Compare the table of builds with what the recipes declare."""
    declared = {recipe.program: origins(recipe.declared["builds"]) for recipe in RECIPES.values()}
    for program, here in builds.items():
        for origin, version in here.items():
            wanted = declared.get(program, {}).get(origin)
            if not VERSION.fullmatch(version):
                yield ("builds", program, origin), f"{version} is not a version"
            elif origin == BROWSER and program not in declared:
                continue
            elif wanted is None:
                yield ("builds", program, origin), f"no recipe declares {program} from {origin}"
            elif pinned(origin, wanted) not in {"", version}:
                yield ("builds", program, origin), f"recipe.toml declares {pinned(origin, wanted)}, not {version}"


def builds_named(kept):
    """Yield (path, build) of everything that the record says of a build."""
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
    """Compare the configs of the record with those of the checkout."""
    now = digests()
    for name in sorted(set(configs) - set(now)):
        yield ("configs", name), f"checks/recipes/{name} does not exist"
    for name, digest in now.items():
        config = configs.get(name)
        if not config or config["sha256"] != digest:
            yield ("configs", name, "sha256"), f"checks/recipes/{name} has changed since it was proven"
            continue
        if not config["on"]:
            yield ("configs", name, "on"), f"checks/recipes/{name} was proven on nothing"
        lines = [f"{number}: {line}" for number, line in lines_of(FOLDER / name)]
        if "/broken/" not in name and list(config["lines"]) != lines:
            yield ("configs", name, "lines"), f"these are not the lines of checks/recipes/{name}"
        for build, held in config["held"].items():
            exempt = sum(build in on for on in config["exempt"].values())
            if held + exempt != len(CHECKS):
                yield ("configs", name, "held", build), f"{held} held and {exempt} exempt are not {len(CHECKS)} checks"


def messages(kept):
    """Return the flaws of a record as they are printed, with the line of each."""
    lines = places(as_text(kept))

    def line(path):
        return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)

    return [f"checks/proof.json:{line(path)}: {message}" for path, message in flaws(kept)]


@pytest.mark.quick
def test_the_record_fits_the_checkout():
    found = messages(record())
    assert not found, "\n".join([*found, RENEW])


@pytest.fixture
def kept():
    """A copy of the record that a test may change."""
    return copy.deepcopy(record())


def some_config(kept):
    """Return the name and the record of a config that ran on several builds."""
    return max(kept["configs"].items(), key=lambda item: len(item[1]["held"]))


def test_a_version_that_no_origin_has_is_a_flaw(kept):
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
def test_an_origin_or_version_that_no_recipe_declares_is_a_flaw(kept, program, origin, version, message):
    kept["builds"].setdefault(program, {})[origin] = version
    assert re.search(message, messages(kept)[0])


def test_another_digest_another_count_and_another_line_are_flaws(kept):
    name, config = some_config(kept)
    config["sha256"] = "0" * 64
    assert f"checks/recipes/{name} has changed since it was proven" in messages(kept)[0]
    config["sha256"] = digests()[name]
    build = next(iter(config["held"]))
    config["held"][build] -= 1
    assert f"{len(CHECKS) - 1} held and 0 exempt are not {len(CHECKS)} checks" in messages(kept)[0]
    config["held"][build] += 1
    config["lines"]["1: made up"] = STAYS
    assert f"these are not the lines of checks/recipes/{name}" in messages(kept)[0]


def test_a_claim_whose_test_is_gone_and_a_claim_of_no_page_are_flaws(kept):
    claim = next(iter(kept["claims"].values()))
    claim["test"] = "tests/test_twins.py::test_that_is_gone"
    kept["claims"]["made-up"] = {"test": "tests/test_proof.py::test_the_record_fits_the_checkout", "on": []}
    first, second = messages(kept)
    assert "no page claims made-up" in first
    assert "there is no test tests/test_twins.py::test_that_is_gone" in second


# What a run shows. The run is made from the record, as if everything in it had been seen on this machine.


def as_seen(kept):
    """Return the run of a whole suite that sees exactly what a record says, one test for each entry."""
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
        f"{name}[{number}]": Outcome(name, passed=True, properties=seen) for number, (name, seen) in enumerate(tests)
    }
    return Run(copy.deepcopy(kept["builds"]), outcomes, planned=len(outcomes), whole=True)


def survived(name, build, check, because):
    return [["on", build], ["file", name], ["survived", [name, build, check, because]]]


def part(run, number=1):
    """Return a run of every n-th test of another."""
    return replace(run, tests=dict(list(run.tests.items())[::number]), whole=False)


def without(run, builds):
    """Return the same run on a machine that lacks these builds."""
    here = {
        program: {origin: version for origin, version in there.items() if f"{program} {version}" not in builds}
        for program, there in run.builds.items()
    }
    tests = {
        name: replace(test, passed=not set(test.values("on")) & set(builds) and test.passed)
        for name, test in run.tests.items()
    }
    return replace(run, builds=here, tests=tests)


def differences(kept, run):
    return list(map(str, sorted(compare(as_text(kept), run).differences)))


def test_a_run_that_sees_what_is_recorded_fits():
    run = as_seen(record())
    assert compare(PROOF.read_text(), run) == Comparison([], [])
    assert compare(PROOF.read_text(), part(run, 7)) == Comparison([], [])


def test_the_record_that_a_run_gives_is_the_record():
    kept = record()
    assert {**renewed(as_seen(kept)), "proven": kept["proven"]} == kept
    assert ordered(kept) == kept


def a_claim(kept):
    """Return a claim that holds on one build only of those of its proxy."""
    return next((name, claim) for name, claim in kept["claims"].items() if len(claim["on"]) == 1)


def claim_elsewhere(kept):
    name, claim = a_claim(kept)
    program, version = claim["on"][0].split()
    other = next(f"{program} {each}" for each in kept["builds"][program].values() if each != version)
    claim["on"].append(other)
    return f"claims, {name}, on, {other}: the record has it, this run did not show it"


def another_check(kept):
    name, config = some_config(kept)
    line, check = next(iter(config["lines"].items()))
    config["lines"][line] = STAYS
    return f"configs, {name}, lines, {line}: the record says {STAYS}, this run saw {check}"


def another_count(kept):
    kept["verdicts"]["works"]["peer"]["named"][NO_PROXY] += 1
    there = kept["verdicts"]["works"]["peer"]["named"][NO_PROXY]
    return f"verdicts, works, peer, named, {NO_PROXY}: the record says {there}, this run saw {there - 1}"


def another_verdict(kept):
    kept["verdicts"]["works"]["peer"]["wrong"] = {NO_PROXY: 1}
    return f"verdicts, works, peer, wrong, {NO_PROXY}: the record says 1, this run did not show it"


def fewer_held(kept):
    name, config = some_config(kept)
    build = next(iter(config["held"]))
    config["held"][build] -= 1
    there = config["held"][build]
    return f"configs, {name}, held, {build}: the record says {there}, this run saw {there + 1}"


def no_exemption(kept):
    name, config = next((name, config) for name, config in kept["configs"].items() if config["exempt"])
    why, on = next(iter(config["exempt"].items()))
    build = on.pop()
    return f"configs, {name}, exempt, {why}, {build}: the record has no such entry, this run showed it"


def older_wheel(kept):
    kept["builds"]["traefik"]["wheel"] = "3.0.0"
    return "builds, traefik, wheel: the record says 3.0.0, this run saw "


def newer_than_the_mirror(kept):
    kept["builds"]["nginx"]["bookworm"] = "99.0"
    return "builds, nginx, bookworm: the record says 99.0, this run saw "


LIES = [
    claim_elsewhere,
    another_check,
    another_count,
    another_verdict,
    fewer_held,
    no_exemption,
    older_wheel,
    newer_than_the_mirror,
]
"""Each makes a record lie and returns the difference that a run reports."""


@pytest.mark.parametrize("lie", LIES)
def test_a_whole_run_finds_a_lie_and_the_line_it_is_in(lie, kept):
    run = as_seen(kept)
    message = lie(kept)
    (found,) = differences(kept, run)
    assert re.match(r"checks/proof\.json:\d+: ", found)
    assert message in found
    line = as_text(kept).splitlines()[int(found.split(":")[1]) - 1].strip()
    assert json.loads(re.match(r'"(?:[^"\\]|\\.)*"', line)[0]) in message


@pytest.mark.parametrize("lie", [another_check, fewer_held, no_exemption, older_wheel])
def test_a_part_of_the_suite_finds_a_lie_about_what_it_ran(lie, kept):
    run = part(as_seen(kept))
    message = lie(kept)
    (found,) = differences(kept, run)
    assert message in found


@pytest.mark.parametrize("lie", [claim_elsewhere, another_count, another_verdict])
def test_a_part_of_the_suite_does_not_miss_what_it_did_not_run(lie, kept):
    run = part(as_seen(kept))
    lie(kept)
    assert differences(kept, run) == []


def test_what_a_run_saw_and_the_record_lacks_is_a_difference(kept):
    run = as_seen(kept)
    name, claim = next((name, claim) for name, claim in kept["claims"].items() if claim["on"])
    gone = claim["on"].pop()
    (found,) = differences(kept, run)
    assert f"claims, {name}, on, {gone}: the record has no such entry, this run showed it" in found


def other_builds(kept):
    """Return every build of the record but those of wheels, and the browser."""
    return [
        f"{program} {version}"
        for program, here in kept["builds"].items()
        for origin, version in here.items()
        if origin != "wheel"
    ]


def test_builds_that_are_not_here_are_left_out(kept):
    assert differences(kept, without(as_seen(kept), other_builds(kept))) == []


@pytest.mark.parametrize("lie", [another_count, older_wheel])
def test_a_lie_about_a_build_that_is_here_is_found_where_others_are_not(lie, kept):
    run = without(as_seen(kept), other_builds(kept))
    message = lie(kept)
    (found,) = differences(kept, run)
    assert message in found


def moved_on(run, program, origin, version):
    """Return the run on a machine whose mirror has a newer version."""
    old = f"{program} {run.builds[program][origin]}"
    text = json.dumps([vars(test) for test in run.tests.values()]).replace(f'"{old}"', f'"{program} {version}"')
    tests = dict(zip(run.tests, (Outcome(**test) for test in json.loads(text)), strict=True))
    return replace(run, tests=tests, builds={**run.builds, program: {**run.builds[program], origin: version}})


@pytest.mark.parametrize(("program", "origin"), [("nginx", "bookworm"), ("Chromium", BROWSER)])
def test_where_a_mirror_has_moved_on_the_new_version_is_compared_and_noted(program, origin, kept):
    run = moved_on(as_seen(kept), program, origin, "999.1")
    found = compare(as_text(kept), run)
    assert found.differences == []
    (note,) = found.notes
    assert f" {kept['builds'][program][origin]}" in note
    assert note.endswith("this run used 999.1; to renew it, run: make prove")
    another_count(kept)
    assert len(differences(kept, run)) == 1


def test_a_mirror_that_moved_on_to_the_version_of_another_leaves_nothing_to_compare(kept):
    run = as_seen(kept)
    old, new = (f"nginx {kept['builds']['nginx'][origin]}" for origin in ("bullseye", "trixie"))
    tests = {name: test for name, test in run.tests.items() if old not in test.values("on")}
    here = {**run.builds["nginx"], "bullseye": new.split()[1]}
    run = replace(run, tests=tests, planned=len(tests), builds={**run.builds, "nginx": here})
    assert differences(kept, run) == []
    kept["configs"]["nginx/http.conf"]["held"][new] -= 1
    (found,) = differences(kept, run)
    assert f"configs, nginx/http.conf, held, {new}: the record says " in found


def without_nginx(run):
    """Return the part of a run that used no nginx."""
    tests = {name: test for name, test in run.tests.items() if "nginx" not in str(test.properties)}
    return replace(run, tests=tests, whole=False)


@pytest.mark.parametrize("version", ["999.1", "0.1"])
def test_a_part_that_does_not_use_a_build_does_not_compare_its_version(version, kept):
    run = without_nginx(moved_on(as_seen(kept), "nginx", "bookworm", version))
    assert compare(as_text(kept), run) == Comparison([], [])


def test_another_check_for_a_line_may_be_due_to_a_build_that_is_not_here(kept):
    run = as_seen(kept)
    _, config = some_config(kept)
    another_check(kept)
    assert len(differences(kept, run)) == 1
    assert differences(kept, without(run, config["on"][:1])) == []


def failing(run, matches):
    """Return the run with some tests that failed."""
    tests = {name: replace(test, passed=test.passed and not matches(test)) for name, test in run.tests.items()}
    return replace(run, tests=tests)


@pytest.mark.parametrize("key", ["proves", "survived", "line", "verdict", "config"])
def test_a_test_that_fails_is_not_reported_again_as_a_difference(key, kept):
    run = as_seen(kept)
    first = next(test for test in run.tests.values() if test.values(key))
    extra = [["file", name] for name in first.values("config")]
    run = failing(run, lambda test: test is first)
    run.tests |= {
        name: replace(test, properties=test.properties + extra) for name, test in run.tests.items() if not test.passed
    }
    assert differences(kept, run) == []


def test_a_part_of_a_recipe_is_excused_where_its_configs_failed(kept):
    run = failing(as_seen(kept), lambda test: "traefik 3.7.15" in test.values("on") and bool(test.values("survived")))
    assert not [found for found in differences(kept, run) if "traefik/static.yml" in found]


def test_a_test_that_fails_shows_nothing(kept):
    run = as_seen(kept)
    seen = [["verdict", ["peer", "works", ["another"], NO_PROXY]]]
    run.tests["more"] = Outcome("more", passed=False, properties=seen)
    assert differences(kept, replace(run, planned=run.planned + 1)) == []


def test_a_run_that_ended_early_is_compared_as_a_part(kept):
    run = as_seen(kept)
    claim_elsewhere(kept)
    assert differences(kept, replace(run, planned=run.planned + 1)) == []


def test_twenty_differences_are_listed_and_the_others_counted(kept):
    run = as_seen(kept)
    for claim in list(kept["claims"].values()):
        claim["on"] = []
    lines = compare(as_text(kept), run).lines()
    assert len(lines) == 22
    assert re.fullmatch(r"and \d+ more", lines[20])
    assert lines[21] == "to renew the record, run: make prove"


# Shards.


def split(run):
    """Return runs of all shards that together are this run."""
    tests = list(run.tests.items())
    parts = {shard: dict(tests[number :: len(SHARDS)]) for number, shard in enumerate(SHARDS)}
    return [replace(run, tests=each, planned=len(each), shard=shard) for shard, each in parts.items()]


def test_the_runs_of_all_shards_are_compared_as_a_whole_run(kept, tmp_path):
    runs = split(as_seen(kept))
    for run in runs:
        assert differences(kept, run) == []
        run.write(tmp_path / f"{run.shard}.json")
    message = claim_elsewhere(kept)
    (found,) = differences(kept, merged([Run.read(path) for path in tmp_path.iterdir()], SHARDS))
    assert message in found


def test_a_shard_that_is_missing_or_did_not_finish_is_an_error(kept):
    first, *others = split(as_seen(kept))
    with pytest.raises(ValueError, match=f"no run of the shard {first.shard}; add it with"):
        merged(others, SHARDS)
    with pytest.raises(ValueError, match=f"the run of the shard {first.shard} is not complete: 0 of "):
        merged([replace(first, tests={}), *others], SHARDS)
    with pytest.raises(ValueError, match="not a run of one shard: a run without --shard"):
        merged([replace(first, shard=""), *others], SHARDS)


def test_the_shards_are_the_whole_collection(request):
    items = request.session.items
    by_shard = {shard: [item for item in items if shard_of(item) == shard] for shard in SHARDS}
    assert sorted(item.nodeid for each in by_shard.values() for item in each) == sorted(item.nodeid for item in items)
    assert not [item for item in by_shard["rest"] if builds_of(item)]


def item(**params):
    return SimpleNamespace(callspec=SimpleNamespace(params=params))


def test_a_test_belongs_to_the_recipe_of_its_build_or_its_file():
    nginx, squid = RECIPES["nginx"].config(https=False), every("squid")[-1]
    assert shard_of(item(of_config=(nginx, 3, "listen 80;"))) == "nginx"
    assert shard_of(item(transcript=nginx, site=(squid, nginx))) == "squid"
    assert shard_of(item(transcript=FOLDER / "diagnose.console")) == "rest"
    assert shard_of(SimpleNamespace()) == "rest"


# From the command line.


ONE_TEST = "tests/test_confusion.py::test_a_peer_that_works_is_said_to[a DSS]"
"""A test without a proxy."""


def pytest_on(path, *arguments):
    """Run pytest with another record."""
    command = [sys.executable, "-m", "pytest", "-q", f"--record={path}", "-o", f"cache_dir={path.parent}", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_run_whose_record_lies_fails_and_reports_the_line(workers, kept, tmp_path):
    path = tmp_path / "proof.json"
    path.write_text(as_text(kept))
    assert pytest_on(path, "-n", workers, ONE_TEST).returncode == 0
    del kept["verdicts"]["works"]["peer"]
    path.write_text(as_text(kept))
    line = places(as_text(kept))["verdicts", "works"]
    done = pytest_on(path, "-n", workers, ONE_TEST)
    assert done.returncode == 1
    assert (
        f"checks/proof.json:{line}: verdicts, works, peer, named, {NO_PROXY}:"
        " the record has no such entry, this run saw 1\nto renew the record, run: make prove"
    ) in done.stdout


def test_merge_compares_the_files_of_all_shards(kept, tmp_path):
    files = [tmp_path / f"seen-{run.shard}.json" for run in split(as_seen(kept))]
    for file, run in zip(files, split(as_seen(kept)), strict=True):
        run.write(file)
    path = tmp_path / "proof.json"
    message = claim_elsewhere(kept)
    path.write_text(as_text(kept))
    done = pytest_on(path, "--merge", tmp_path / "seen-*.json")
    assert (done.returncode, message in done.stdout) == (1, True), done.stderr
    files[0].unlink()
    done = pytest_on(path, f"--merge={tmp_path}/seen-*.json")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--merge: no run of the shard {SHARDS[0]}" in done.stderr
