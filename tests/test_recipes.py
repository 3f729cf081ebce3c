"""Every published config, as published but for the reader's own values, on every build here."""

import contextlib
import re
from collections import defaultdict

import pytest
from conftest import RECIPES, SITES
from survival import CHECKS, survive

from checks.lab.proxy import proxy


def name_of(value):
    return getattr(value, "name", None) or str(value)


@pytest.fixture(scope="session")
def sites(dss):
    """Return a function that gives the running site of a build and a config, started once."""
    with contextlib.ExitStack() as stack:
        started = {}

        def site(build, config):
            if (build, config) not in started:
                recipe = RECIPES[config.parent.name]
                started[build, config] = stack.enter_context(proxy(recipe, build, config, dss))
            return started[build, config]

        yield site


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize(("build", "config"), SITES, ids=name_of)
def test_recipe_survives(build, config, check, sites, record_property):
    record_property("config", f"{config.parent.name}/{config.name}")
    site = sites(build, config)
    try:
        survive(check, site)
    except BaseException as error:
        error.add_note(f"\nwithout this: {check.__doc__}\nconfig: {config}\nlog of {build}:\n{site.log()}")
        raise


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_lab_changes_the_declared_blanks_and_nothing_else(recipe):
    values = defaultdict(lambda: "<>")
    blanks = "|".join(re.escape(blank) for blank in recipe.declared["blanks"])
    for config in [*recipe.configs, *recipe.twins]:
        text = config.read_text()
        for line, filled in zip(text.splitlines(), recipe.fill(text, values).splitlines(), strict=True):
            around = ".+".join(re.escape(part) for part in re.split(blanks, line))
            assert re.fullmatch(around, filled)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_blank_stands_in_a_config(recipe):
    values = defaultdict(lambda: "<>")
    everything = "\n".join(config.read_text() for config in recipe.configs)
    unused = [
        blank
        for blank in recipe.declared["blanks"]
        if recipe.fill(everything, values).count(blank) == everything.count(blank)
    ]
    assert not unused, f"{recipe.name}/recipe.toml declares {unused}, which no config holds: take them out"
