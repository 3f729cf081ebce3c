"""The long experiment: every line taken out alone, and a silence of 75 s on everything at once.

For most lines the record names the check that goes red without it, and it is enough to see it go red again. A line
that is new, or whose check holds without it, is tried with every check. What takes silence is waited for once,
whatever the number of configs; that is why one worker runs all of it.
"""

import asyncio
import contextlib
import functools
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from machine import RECIPES, SITES, NotInstalled, recipe_of, require, suiting
from proof import hint, id_of, lines_of, name_of
from reader import Reader
from survival import ANSWERS, ARRIVES, CHECKS, ECHO, SILENCE, STAYS, survive
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from checks.findings import diagnose
from checks.lab.process import LabError, MachineError, NotInstalledError
from checks.lab.proxy import NO_PORT, proxy
from checks.probe import Target, look

STARTS = "the proxy starts"
LISTENS = "the proxy listens on the ports it is told, and on no others"
TITLES = {check.__doc__: check for check in CHECKS.values()}
TAKES_SILENCE = {STAYS, ANSWERS, ARRIVES}
AT_ONCE = 4
KIB = 1024
LENGTH = {"Content-Length": str(SILENCE * KIB)}
QUICK = [check for name, check in CHECKS.items() if name not in {"large_messages", "many_sockets", "notebook"}]


def without(path, number):
    lines = path.read_text().splitlines(keepends=True)
    return "".join(lines[: number - 1] + lines[number:])


def known(path, number, line):
    """Return the title of the check that the record names for this line, or None."""
    return hint(name_of(path), f"{number}: {line}")


def takes_long(path, number, line):
    """Tell whether the record says that this line is missed only after a long time."""
    return known(path, number, line) in TAKES_SILENCE


def grouped(path, number, line):
    """Keep the lines of one file in one worker; those that take long go with all others that do."""
    group = "silence" if takes_long(path, number, line) else name_of(path)
    marks = [pytest.mark.xdist_group(group), pytest.mark.timeout(1800)]
    return pytest.param((path, number, line), marks=marks, id=f"{name_of(path)} {number}: {line}")


LINES = [grouped(path, *line) for recipe in RECIPES.values() for path in recipe.published for line in lines_of(path)]
HELD_VARIANTS = [
    (build, variant)
    for recipe in RECIPES.values()
    for variant in recipe.broken
    if variant.stem in {"idle-timeout", "lifetime-limit"}
    for build in suiting(variant)
]
IDLE_VARIANTS = [pair for pair in HELD_VARIANTS if pair[1].stem == "idle-timeout"]


def every_setting(path):
    """Yield each (recipe, build, config) in which a file takes part, oldest build first."""
    recipe = recipe_of(path)
    for config in [path] if path in recipe.configs else reversed(recipe.configs):
        for build in suiting(config):
            yield recipe, build, config


def settings(path):
    """Yield each (recipe, build, config) in which a file takes part on this machine, oldest build first."""
    yield from (setting for setting in every_setting(path) if not isinstance(setting[1], NotInstalled))


def red(path, number, dss, checks):
    """Return the title of the first of these checks that goes red somewhere without this line, or None."""
    for recipe, build, config in settings(path):
        tried = [check for check in checks if not recipe.exempt(check.__name__, build, config)]
        try:
            changed = {path: without(path, number)}
            with proxy(recipe, build, config, dss, changed=changed) as site:
                for check in tried:
                    try:
                        survive(check, site)
                    except Exception:  # noqa: BLE001  # whatever goes wrong, the line was needed
                        return check.__doc__
        except (MachineError, NotInstalledError):
            raise
        except LabError as error:
            return LISTENS if NO_PORT in str(error) else STARTS
    return None


def cheaply_red(dss, line):
    """Return the title of the check that the record names for this line, or else of any cheap one, that goes red.

    What the record does not name must go red twice: on a busy machine a proxy may be late once for no reason of ours.
    """
    title = known(*line)
    recorded = [TITLES[title]] if title in TITLES else []
    if title in {STARTS, LISTENS, *TITLES} and red(*line[:2], dss, recorded) == title:
        return title
    seen = []
    while (found := red(*line[:2], dss, QUICK)) not in seen:
        seen.append(found)
    return found


async def silent(site):
    """Return the seconds until a silent socket drops, or None when it is still open after SILENCE."""
    async with connect(Reader(site).address(ECHO), ssl=site.tls, proxy=None, ping_interval=None) as socket:
        began = time.monotonic()
        try:
            async with asyncio.timeout(SILENCE):
                await socket.recv()
        except TimeoutError:
            await socket.send("still here")
            return None if await socket.recv() == "still here" else 0
        except ConnectionClosed:
            return time.monotonic() - began


async def slow_query(site):
    """Return the status and body of a query that DSS needs SILENCE seconds for."""
    response, body = await asyncio.to_thread(Reader(site).request, f"/dip/lab/slow?seconds={SILENCE}")
    return response.status, body


async def slow_upload(site):
    """Return the status and the length that arrived of an upload that takes SILENCE seconds."""

    def body():
        for _ in range(SILENCE):
            yield bytes(KIB)
            time.sleep(1)  # the upload is slow

    response, answer = await asyncio.to_thread(Reader(site).request, "/dip/lab/upload", "POST", body(), LENGTH)
    return response.status, json.loads(answer or "{}").get("length")


async def after_silence(site):
    """Return the title of what does not survive a long time, or None."""
    everything = (silent(site), slow_query(site), slow_upload(site))
    dropped, answer, arrived = await asyncio.gather(*everything, return_exceptions=True)
    if dropped is not None:
        return STAYS
    if answer != (200, b"done"):
        return ANSWERS
    return None if arrived == (200, SILENCE * KIB) else ARRIVES


def wait_for(waits):
    """Do all of these at once; return what came of each by its key: where something broke, the exception."""

    async def wait():
        # A slow query and a slow upload hold a thread each.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(waits) + 4))
        return await asyncio.gather(*(begin() for begin in waits.values()), return_exceptions=True)

    return dict(zip(waits, asyncio.run(wait()), strict=True)) if waits else {}


def missed_in_time(lines, dss, more=()):
    """Run these lines' files without them for a long time, and `more` with them; return (title by line, results).

    Most lines are missed on the oldest build already; those that are not get a second round on the others. So does
    what broke: a machine that is busy enough lets a sender starve, and proxies have limits on that, too.
    """
    found, results, waits = {}, {}, dict(more)
    with contextlib.ExitStack() as stack:
        for tried in (slice(1), slice(1, None)):
            for path, number, line in (line for line in lines if line not in found):
                for _, build, config in list(settings(path))[tried]:
                    changed = {path: without(path, number)}
                    site = stack.enter_context(proxy(recipe_of(config), build, config, dss, changed=changed))
                    waits[path, number, line, build, config] = functools.partial(after_silence, site)
            for key, result in wait_for(waits).items():
                if key in more:
                    results[key] = result
                elif result:
                    found.setdefault(key[:3], result)
            waits = {key: more[key] for key, result in results.items() if isinstance(result, Exception)}
    return found, results


@pytest.fixture(scope="session")
def experiment(request, dss):
    """Run all that takes long, at once; return the results by (kind, build, config), and the titles by line.

    Of all that could run, only what the selected tests ask for does.
    """
    asked = [item.callspec.params for item in request.session.items if "experiment" in asked_for(item)]
    with contextlib.ExitStack() as stack:

        def start(build, config):
            return stack.enter_context(proxy(recipe_of(config), build, config, dss))

        waits = {}
        for build, config in selected(asked, "config"):
            site = start(build, config)
            waits["silence", build, config] = functools.partial(silent, site)
            waits["query", build, config] = functools.partial(slow_query, site)
            waits["upload", build, config] = functools.partial(slow_upload, site)
        for build, variant in selected(asked, "variant"):
            site = start(build, variant)
            waits["variant", build, variant] = functools.partial(look, Target(site.origin, tls=site.tls), idle=SILENCE)
        lines = [params["of_config"] for params in asked if "of_config" in params]
        found, results = missed_in_time(lines, dss, waits)
    return results | {"lines": found}


def asked_for(item):
    """Return the fixtures that a test uses, those included that it asks for when it runs."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    lasting = "of_config" in params and takes_long(*params["of_config"])
    return [*item.fixturenames, *(["experiment"] if lasting else [])]


def selected(asked, name):
    """Return each (build, config) of these parameters that can run here, once."""
    pairs = [(params["build"], params[name]) for params in asked if name in params]
    return [pair for pair in dict.fromkeys(pairs) if not isinstance(pair[0], NotInstalled)]


@functools.cache
def titles_of(path, dss):
    """Return the title of the check that each line of a file is missed by, but for those that take long.

    Cheap checks come first, then a long time for all that are left, then everything. Several lines are tried at once:
    a proxy that lacks one is mostly waited for.
    """
    asked = [(path, *line) for line in lines_of(path) if not takes_long(path, *line)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(asked, pool.map(functools.partial(cheaply_red, dss), asked), strict=True))
    left = [line for line in asked if not (found[line] or kept(*line))]
    found |= missed_in_time(left, dss)[0]
    return found | {line: found[line] or red(*line[:2], dss, CHECKS.values()) for line in left}


def kept(path, _, line):
    """Return why this line stays although no check misses it; nothing for most lines."""
    return recipe_of(path).file.kept.get(f"{path.name}: {line}")


@pytest.mark.parametrize("of_config", LINES)
def test_every_line_is_needed(of_config, dss, request, record_property):
    path, number, line = of_config
    lacking = [build for _, build, _ in every_setting(path) if isinstance(build, NotInstalled)]
    if not list(settings(path)):
        require(*lacking[-1:])
    if takes_long(*of_config):
        found = request.getfixturevalue("experiment")["lines"]
        check = found.get(of_config) or red(path, number, dss, CHECKS.values())
    else:
        titles = titles_of(path, dss)
        check = titles[of_config]
        if because := kept(*of_config):
            alike = {each for each in titles if each[2] == line and not titles[each]}
            assert alike, f"[kept] {line!r} of {path.name} in recipe.toml is no longer needed: take it out"
            check = check or because
    if not check:
        require(*lacking[-1:])  # it may be there that a check fails without this line
    assert check, (
        f"{path.name}:{number} `{line}` can be taken out and every check still holds:"
        " take it out, or add the check to tests/survival.py that shows what it is for"
    )
    record_property("line", [name_of(path), f"{number}: {line}", check])


TOGETHER = pytest.mark.xdist_group("silence")
LONG = pytest.mark.timeout(900)


def claiming(build, variant):
    """Let the drop of an nginx that is told nothing hold the claim about its default."""
    claims = [pytest.mark.proves("idle-limit-is-60-seconds")] if build.program == "nginx" else []
    return pytest.param(build, variant, marks=claims)


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_a_silent_socket_stays_open(build, config, experiment):
    assert experiment["silence", build, config] is None, f"{config.name} on {build} dropped a silent socket"


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_a_long_query_is_answered(build, config, experiment):
    assert experiment["query", build, config] == (200, b"done")


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_a_slow_upload_arrives(build, config, experiment):
    assert experiment["upload", build, config] == (200, SILENCE * KIB)


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "variant"), [claiming(*pair) for pair in HELD_VARIANTS], ids=id_of)
def test_a_variant_drops_a_held_socket_and_gives_its_finding(build, variant, experiment, record_property, verdict):
    record_property("config", name_of(variant))
    evidence = experiment["variant", build, variant]
    named = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", variant.stem, named)
    assert named == [variant.stem]
    limit = recipe_of(variant).needs(variant).drops_after
    # Two seconds either way: on a busy machine, we may read the proxy's response or its close that late.
    assert limit - 2 < evidence.hold(pings=False).seconds < limit + 2


@TOGETHER
@LONG
@pytest.mark.proves("a-limit-on-age-ends-busy-sockets")
@pytest.mark.parametrize(("build", "variant"), [pair for pair in HELD_VARIANTS if pair not in IDLE_VARIANTS], ids=id_of)
def test_no_ping_outlives_a_limit_on_age(build, variant, experiment):
    pinged = experiment["variant", build, variant].hold(pings=True)
    limit = recipe_of(variant).needs(variant).drops_after
    assert (pinged.dropped, pinged.seconds < limit + 2) == (True, True)


@TOGETHER
@LONG
@pytest.mark.proves("pings-outlive-the-idle-limit")
@pytest.mark.parametrize(("build", "variant"), IDLE_VARIANTS, ids=id_of)
def test_a_ping_every_15_seconds_outlives_the_idle_limit(build, variant, experiment):
    pinged = experiment["variant", build, variant].hold(pings=True)
    assert (pinged.dropped, pinged.seconds >= SILENCE) == (False, True)
