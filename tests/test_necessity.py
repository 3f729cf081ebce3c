"""The long experiment: every line taken out alone, and a silence of 75 s on everything at once.

It costs its 75 s once, whatever the number of configs; that is why one worker runs all of it.
"""

import asyncio
import contextlib
import time

import pytest
from browser import missing_build
from conftest import BUILDS, RECIPES, SITES, recipe_of
from proof import id_of, name_of
from reader import Reader
from survival import CHECKS, ECHO, SILENCE, STAYS, survive
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from checks.findings import diagnose
from checks.lab.process import LabError
from checks.lab.proxy import NOWHERE, proxy
from checks.probe import Target, look

pytestmark = [pytest.mark.xdist_group("silence"), pytest.mark.timeout(400)]

STARTS = "the proxy starts"
LISTENS = "the proxy listens on the ports it is told, and on no others"


def lines_of(config):
    """Yield (number, text) of each line that is more than a comment."""
    for number, line in enumerate(config.read_text().splitlines(), 1):
        if line.strip() and not line.strip().startswith("#"):
            yield number, line.strip()


def without(config, number):
    lines = config.read_text().splitlines(keepends=True)
    return "".join(lines[: number - 1] + lines[number:])


LINES = [(config, *line) for recipe in RECIPES.values() for config in recipe.configs for line in lines_of(config)]
IDLE_TWINS = [
    (build, recipe.twin("idle-timeout"))
    for name, recipe in RECIPES.items()
    for build in BUILDS[name]
    if any(twin.stem == "idle-timeout" for twin in recipe.twins)
]


def first_red(config, number, dss):
    """Return the title of the first quick check that this config fails without this line, or None."""
    recipe = recipe_of(config)
    for build in BUILDS[recipe.name]:
        try:
            with proxy(recipe, build, config, dss, text=without(config, number)) as site:
                for check in CHECKS.values():
                    try:
                        survive(check, site)
                    except Exception:  # noqa: BLE001  # whatever goes wrong, the line was needed
                        return check.__doc__
        except LabError as error:
            return LISTENS if NOWHERE in str(error) else STARTS
    return None


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


@pytest.fixture(scope="session")
def experiment(dss):
    """Run it all; return what came of it by (kind, build, config) and ("line", config, number)."""
    found = {("line", config, number): first_red(config, number, dss) for config, number, _ in LINES}
    with contextlib.ExitStack() as stack:

        def start(build, config, text=None):
            return stack.enter_context(proxy(recipe_of(config), build, config, dss, text=text))

        waits = {}
        for build, config in SITES:
            site = start(build, config)
            waits["silence", build, config] = silent(site)
            waits["query", build, config] = slow_query(site)
        for build, twin in IDLE_TWINS:
            site = start(build, twin)
            waits["twin", build, twin] = look(Target(site.origin, tls=site.tls), idle=SILENCE)
        for (kind, config, number), red in list(found.items()):
            if red is None:
                build = BUILDS[recipe_of(config).name][0]
                waits[kind, config, number] = silent(start(build, config, without(config, number)))

        async def wait():
            return dict(zip(waits, await asyncio.gather(*waits.values()), strict=True))

        results = asyncio.run(wait())
    for key, result in results.items():
        found[key] = result if key[0] != "line" else STAYS if result is not None else None
    return found


@pytest.mark.parametrize(("config", "number", "line"), LINES, ids=id_of)
def test_every_line_is_needed(config, number, line, experiment, record_property):
    check = experiment["line", config, number]
    recipe = recipe_of(config)
    for twin in recipe.twins:
        if not check and not any(recipe.suits(build, twin) for build in BUILDS[recipe.name]):
            missing_build(recipe, twin)
    assert check, (
        f"{config.name}:{number} `{line}` can be taken out and every check still holds:"
        " take it out, or add the check to tests/survival.py that shows what it is for"
    )
    record_property("line", [name_of(config), f"{number}: {line}", check])


@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_a_silent_socket_stays_open(build, config, experiment):
    assert experiment["silence", build, config] is None, f"{config.name} on {build} dropped a silent socket"


@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_a_long_query_is_answered(build, config, experiment):
    assert experiment["query", build, config] == (200, b"done")


@pytest.mark.proves("idle-limit-is-60-seconds")
@pytest.mark.parametrize(("build", "twin"), IDLE_TWINS, ids=id_of)
def test_the_idle_twin_drops_after_60_seconds_and_gives_exactly_its_finding(build, twin, experiment, record_property):
    record_property("config", name_of(twin))
    evidence = experiment["twin", build, twin]
    assert [finding.id for finding in diagnose(evidence)] == ["idle-timeout"]
    assert 59.5 < evidence.hold(pings=False).seconds < 61


@pytest.mark.proves("pings-outlive-the-idle-limit")
@pytest.mark.parametrize(("build", "twin"), IDLE_TWINS, ids=id_of)
def test_a_ping_every_15_seconds_outlives_the_idle_limit(build, twin, experiment):
    pinged = experiment["twin", build, twin].hold(pings=True)
    assert (pinged.dropped, pinged.seconds >= SILENCE) == (False, True)
