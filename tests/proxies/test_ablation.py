"""The ablation of every published line, and all tests that wait for 75 s.

For most lines, the record names the check that fails without the line, and the ablation runs only that check. If the
line is new, or its check passes without it, the ablation runs every check. All tests that wait for a long time wait at
the same time, so one worker runs them all.
"""

import asyncio
import contextlib
import functools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from support.conformance import ANSWERS, ARRIVES, CHECKS, ECHO, SILENCE, STAYS, survive
from support.machine import RECIPES, SITES, NotInstalled, recipe_of, require, suiting
from support.proof import hint, id_of, lines_of, name_of
from support.reader import Reader
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from checks.findings import diagnose
from checks.lab.process import LabError, MachineError, NotInstalledError
from checks.lab.proxy import NO_PORT, proxy
from checks.probe import Target, look, survey

STARTS = "the proxy starts"
LISTENS = "the proxy listens on the ports it is told, and on no others"
TITLES = {check.__doc__: check for check in CHECKS.values()}
TAKES_SILENCE = {STAYS, ANSWERS, ARRIVES}
MAX_CONCURRENT = 4
KIB = 1024
LENGTH = {"Content-Length": str(SILENCE * KIB)}
QUICK = [check for name, check in CHECKS.items() if name not in {"large_messages", "many_sockets", "notebook"}]


def without(path, number):
    """Return the text of a file without one line."""
    lines = path.read_text().splitlines(keepends=True)
    return "".join(lines[: number - 1] + lines[number:])


def recorded_title(path, number, line):
    """Return the title of the check in the record for this line, or None."""
    return hint(name_of(path), f"{number}: {line}")


def takes_long(path, number, line):
    """Return whether only a check that waits for SILENCE fails without this line."""
    return recorded_title(path, number, line) in TAKES_SILENCE


def grouped(path, number, line):
    """Return a line as a parameter, in the xdist group of its file.

    Lines for which `takes_long` is true share the group "silence".
    """
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
    """Yield each (recipe, build, config) that uses a file, oldest build first."""
    recipe = recipe_of(path)
    for config in [path] if path in recipe.configs else reversed(recipe.configs):
        for build in suiting(config):
            yield recipe, build, config


def settings(path):
    """Yield the settings whose build is on this machine, oldest build first."""
    yield from (setting for setting in every_setting(path) if not isinstance(setting[1], NotInstalled))


def first_failure(path, number, dss, checks):
    """Return the title of the first check that fails without this line, or None.

    The checks run in every setting of the file. If the proxy does not start, or does not listen on its ports, that is
    the failure.
    """
    for recipe, build, config in settings(path):
        applicable = [check for check in checks if not recipe.exempt(check.__name__, build, config)]
        try:
            changed = {path: without(path, number)}
            with proxy(recipe, build, config, dss, changed=changed) as site:
                for check in applicable:
                    try:
                        survive(check, site)
                    except Exception:  # noqa: BLE001  # any failure shows that the line is needed
                        return check.__doc__
        except (MachineError, NotInstalledError):
            raise
        except LabError as error:
            return LISTENS if NO_PORT in str(error) else STARTS
    return None


def cheap_failure(dss, line):
    """Return the title of a cheap check that fails without this line, or None.

    The check in the record comes first. Any other check must fail twice, because on a busy machine a proxy may be late
    once for an unrelated reason.
    """
    title = recorded_title(*line)
    recorded = [TITLES[title]] if title in TITLES else []
    if title in {STARTS, LISTENS, *TITLES} and first_failure(*line[:2], dss, recorded) == title:
        return title
    earlier = []
    while (failure := first_failure(*line[:2], dss, QUICK)) not in earlier:
        earlier.append(failure)
    return failure


async def silent(site):
    """Return the seconds until an idle WebSocket connection closes.

    None means that it is still open after SILENCE.
    """
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
    """Return the status and body of a query that takes DSS SILENCE seconds."""
    response, body = await asyncio.to_thread(Reader(site).request, f"/dip/lab/slow?seconds={SILENCE}")
    return response.status, body


async def slow_upload(site):
    """Return the status of an upload that takes SILENCE seconds, and its length.

    The length is the number of bytes that reached DSS.
    """

    def body():
        for _ in range(SILENCE):
            yield bytes(KIB)
            time.sleep(1)  # the upload must take longer than each timeout that the recipe raises

    response, answer = await asyncio.to_thread(Reader(site).request, "/dip/lab/upload", "POST", body(), LENGTH)
    return response.status, json.loads(answer or "{}").get("length")


async def failure_after_silence(site):
    """Return the title of the first check of SILENCE seconds that fails, or None."""
    checks = (silent(site), slow_query(site), slow_upload(site))
    idle, query, upload = await asyncio.gather(*checks, return_exceptions=True)
    if idle is not None:
        return STAYS
    if query != (200, b"done"):
        return ANSWERS
    return None if upload == (200, SILENCE * KIB) else ARRIVES


def wait_for(waits):
    """Run all of these at the same time, and return their results by key.

    If one raises an exception, its result is the exception.
    """

    async def wait():
        # A slow query and a slow upload hold a thread each.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(waits) + 4))
        return await asyncio.gather(*(begin() for begin in waits.values()), return_exceptions=True)

    return dict(zip(waits, asyncio.run(wait()), strict=True)) if waits else {}


def failures_after_silence(lines, dss, more=()):
    """Run proxies without these lines for SILENCE, and `more` with them.

    Return the title of the check that fails by line, and the results of `more`.

    Most lines fail a check on the oldest build. The others get a second round, on the other builds. What raised an
    exception gets one too: on a very busy machine a sender may starve, and proxies limit that time as well.
    """
    found, results, waits = {}, {}, dict(more)
    with contextlib.ExitStack() as stack:
        for batch in (slice(1), slice(1, None)):
            for path, number, line in (line for line in lines if line not in found):
                for _, build, config in list(settings(path))[batch]:
                    changed = {path: without(path, number)}
                    site = stack.enter_context(proxy(recipe_of(config), build, config, dss, changed=changed))
                    waits[path, number, line, build, config] = functools.partial(failure_after_silence, site)
            for key, result in wait_for(waits).items():
                if key in more:
                    results[key] = result
                elif result:
                    found.setdefault(key[:3], result)
            waits = {key: more[key] for key, result in results.items() if isinstance(result, Exception)}
    return found, results


@pytest.fixture(scope="session")
def experiment(request, dss):
    """Run everything that waits for SILENCE at the same time.

    Return the results by (kind, build, config), and at "lines" the title of the check that fails by line. Only what
    the selected tests need runs.
    """
    params_of_tests = [item.callspec.params for item in request.session.items if "experiment" in fixtures_of(item)]
    with contextlib.ExitStack() as stack:
        # With hundreds of connections in one process, each close may be read up to two seconds late.
        stack.enter_context(patch.object(survey, "HOLD_STAGGER", 8.0))

        def start(build, config):
            return stack.enter_context(proxy(recipe_of(config), build, config, dss))

        waits = {}
        for build, config in selected(params_of_tests, "config"):
            site = start(build, config)
            waits["silence", build, config] = functools.partial(silent, site)
            waits["query", build, config] = functools.partial(slow_query, site)
            waits["upload", build, config] = functools.partial(slow_upload, site)
        for build, variant in selected(params_of_tests, "variant"):
            site = start(build, variant)
            waits["variant", build, variant] = functools.partial(look, Target(site.origin, tls=site.tls), idle=SILENCE)
        lines = [params["of_config"] for params in params_of_tests if "of_config" in params]
        failures, results = failures_after_silence(lines, dss, waits)
    return results | {"lines": failures}


def fixtures_of(item):
    """Return the fixtures of a test, with those that it requests when it runs."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    lasting = "of_config" in params and takes_long(*params["of_config"])
    return [*item.fixturenames, *(["experiment"] if lasting else [])]


def selected(params_of_tests, name):
    """Return each (build, config) in these parameters that can run here, once."""
    pairs = [(params["build"], params[name]) for params in params_of_tests if name in params]
    return [pair for pair in dict.fromkeys(pairs) if not isinstance(pair[0], NotInstalled)]


@functools.cache
def titles_of(path, dss):
    """Return the title of the check that fails without each line of a file.

    Lines for which `takes_long` is true are not included. Cheap checks come first, then those that wait for SILENCE,
    then all. Several lines run at the same time, because a test mostly waits for its proxy.
    """
    lines = [(path, *line) for line in lines_of(path) if not takes_long(path, *line)]
    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        found = dict(zip(lines, pool.map(functools.partial(cheap_failure, dss), lines), strict=True))
    left = [line for line in lines if not (found[line] or kept(*line))]
    found |= failures_after_silence(left, dss)[0]
    return found | {line: found[line] or first_failure(*line[:2], dss, CHECKS.values()) for line in left}


def kept(path, _, line):
    """Return the reason in [kept] for a line that no check needs, or None."""
    return recipe_of(path).file.kept.get(f"{path.name}: {line}")


@pytest.mark.parametrize("of_config", LINES)
def test_every_line_is_needed(of_config, dss, request, record_property):
    path, number, line = of_config
    lacking = [build for _, build, _ in every_setting(path) if isinstance(build, NotInstalled)]
    if not list(settings(path)):
        require(*lacking[-1:])
    if takes_long(*of_config):
        failures = request.getfixturevalue("experiment")["lines"]
        check = failures.get(of_config) or first_failure(path, number, dss, CHECKS.values())
    else:
        titles = titles_of(path, dss)
        check = titles[of_config]
        if reason := kept(*of_config):
            alike = {each for each in titles if each[2] == line and not titles[each]}
            assert alike, f"recipe.toml: a check needs `{line}` of {path.name}: remove it from [kept]"
            check = check or reason
    if not check:
        require(*lacking[-1:])  # a check may fail on a build that is not on this machine
    assert check, (
        f"{path.name}:{number}: expected a check to fail without `{line}`, but all pass:"
        " remove the line, or add a conformance check that needs it"
    )
    record_property("line", [name_of(path), f"{number}: {line}", check])


TOGETHER = pytest.mark.xdist_group("silence")
LONG = pytest.mark.timeout(900)


def claiming(build, variant):
    """Return a parameter that, for nginx, proves the claim about its default."""
    claims = [pytest.mark.proves("idle-limit-is-60-seconds")] if build.program == "nginx" else []
    return pytest.param(build, variant, marks=claims)


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_an_idle_websocket_connection_stays_open(build, config, experiment):
    outcome = experiment["silence", build, config]
    assert outcome is None, f"{config.name} on {build}: expected an open connection after {SILENCE} s, got {outcome!r}"


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_a_long_query_is_answered(build, config, experiment):
    outcome = experiment["query", build, config]
    assert not isinstance(outcome, BaseException), f"{config.name} on {build}: the query failed: {outcome!r}"
    status, body = outcome
    assert status == 200, f"{config.name} on {build}: expected status 200, got {status}"
    assert body == b"done", f"{config.name} on {build}: expected the body b'done', got {body!r}"


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_a_slow_upload_arrives(build, config, experiment):
    outcome = experiment["upload", build, config]
    assert not isinstance(outcome, BaseException), f"{config.name} on {build}: the upload failed: {outcome!r}"
    status, length = outcome
    assert status == 200, f"{config.name} on {build}: expected status 200, got {status}"
    assert length == SILENCE * KIB, f"{config.name} on {build}: expected {SILENCE * KIB} bytes at DSS, got {length}"


@TOGETHER
@LONG
@pytest.mark.parametrize(("build", "variant"), [claiming(*pair) for pair in HELD_VARIANTS], ids=id_of)
def test_a_broken_variant_closes_the_connection_for_its_cause(build, variant, experiment, record_property, verdict):
    """Each broken example closes the connection for its cause."""
    record_property("config", name_of(variant))
    evidence = experiment["variant", build, variant]
    causes = [finding.id for finding in diagnose(evidence).findings]
    verdict("proxy", variant.stem, causes)
    assert causes == [variant.stem], f"{variant.name} on {build}: expected {variant.stem} alone, got {causes}"
    limit = recipe_of(variant).needs(variant).drops_after
    # On a busy machine, the probe may read the proxy's response or its close up to two seconds late.
    seconds = evidence.hold(pings=False).seconds
    assert limit - 2 < seconds < limit + 2, f"{variant.name} on {build}: expected {limit} s, got {seconds} s"


@TOGETHER
@LONG
@pytest.mark.proves("a-limit-on-age-ends-busy-sockets")
@pytest.mark.parametrize(("build", "variant"), [pair for pair in HELD_VARIANTS if pair not in IDLE_VARIANTS], ids=id_of)
def test_no_ping_outlives_a_maximum_connection_lifetime(build, variant, experiment):
    """Pings do not keep a WebSocket open beyond a maximum lifetime."""
    pinged = experiment["variant", build, variant].hold(pings=True)
    limit = recipe_of(variant).needs(variant).drops_after
    assert pinged.dropped, f"{variant.name} on {build}: expected a close after {limit} s, but it stayed open"
    assert pinged.seconds < limit + 2, f"{variant.name} on {build}: expected {limit} s, got {pinged.seconds} s"


@TOGETHER
@LONG
@pytest.mark.proves("pings-outlive-the-idle-limit")
@pytest.mark.parametrize(("build", "variant"), IDLE_VARIANTS, ids=id_of)
def test_a_ping_every_15_seconds_outlives_the_idle_timeout(build, variant, experiment):
    """A ping every 15 seconds outlives the idle timeout."""
    pinged = experiment["variant", build, variant].hold(pings=True)
    assert not pinged.dropped, f"{variant.name} on {build}: expected it to stay open, closed after {pinged.seconds} s"
    assert pinged.seconds >= SILENCE, f"{variant.name} on {build}: expected {SILENCE} s, got {pinged.seconds} s"
