"""The builds that tests run on, as parameters, even if this machine lacks some.

Recipes declare the origins of builds, and checks/proof.json has the version of each origin at the last `make prove`.
So every machine collects the same tests. A test whose build is not installed does not run.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from checks.lab.builds import Build, numbers
from checks.lab.process import MachineError, NotInstalledError, OptionalError
from checks.lab.recipe import RECIPES as FOLDER
from checks.lab.recipe import recipes
from support.proof import BROWSER, VERSION, record

RECIPES = recipes()
RECORDED = record().get("builds", {})
ADD = "make builds"


@dataclass(frozen=True)
class NotInstalled(Build):
    """A build that a recipe declares but that is not installed on this machine.

    `what` is its name, or the versions that the test accepts.
    """

    what: str = ""


def expected(recipe):
    """Return the version that a recipe expects, by origin.

    It is the one that the recipe pins, or the one at the last `make prove`, or "" if there is neither.
    """
    proven = {name: version for name, version in RECORDED.get(recipe.program, {}).items() if VERSION.fullmatch(version)}
    return {name: origin.pinned or proven.get(name, "") for name, origin in recipe.origins.items()}


def installed(recipe):
    """Return the builds on this machine, by declared origin.

    A build on PATH counts for the origin that has its version.
    """
    found = {}
    for origin, version in expected(recipe).items():
        for build in sorted(recipe.builds, key=lambda build: build.origin != origin):
            if origin == build.origin or version == build.version:
                found.setdefault(origin, build)
    return found


def absent(recipe):
    """Return the declared builds that are not on this machine, one per version."""
    present = installed(recipe)
    found = {}
    for origin, version in expected(recipe).items():
        if version and origin not in present:
            what = f"{recipe.title} {version} ({origin})"
            found.setdefault(version, NotInstalled(recipe.program, version, Path(), origin, what=what))
    return list(found.values())


INSTALLED = {name: installed(recipe) for name, recipe in RECIPES.items()}
BUILDS = {
    name: sorted([*recipe.builds, *absent(recipe)], key=lambda build: build.release) for name, recipe in RECIPES.items()
}
"""All builds of each recipe, oldest first, on this machine or not."""


def recipe_of(config):
    """Return the recipe of a config, a broken variant or a transcript."""
    return RECIPES[config.relative_to(FOLDER).parts[0]]


def every(name, since="0", before="9999"):
    """Return the builds of a recipe in a range of versions, oldest first.

    `before` is not in the range. If there is no build, return a placeholder.
    """
    found = [build for build in BUILDS[name] if numbers(since) <= build.release < numbers(before)]
    return found or [unknown(RECIPES[name], since, before)]


def for_each_build(name, since="0", before="9999"):
    """Return a decorator that runs a test on each build, its argument `build`."""
    return pytest.mark.parametrize("build", every(name, since, before), ids=str)


def suiting(config):
    """Return the builds that a config is for, oldest first, or a placeholder."""
    recipe = recipe_of(config)
    return [build for build in BUILDS[recipe.name] if recipe.suits(build, config)] or [unknown(recipe)]


def newest(config):
    """Return the newest declared build that a config is for.

    A newer one on PATH does not count, because checks/proof.json has no entry for it.
    """
    found = suiting(config)
    return ([build for build in found if is_declared(build)] or found)[-1]


def unknown(recipe, since="0", before="9999"):
    """Return a placeholder for a build whose version is unknown."""
    return NotInstalled(recipe.program, "0", Path(), "any origin", what=recipe.versions(since, before))


def is_declared(build):
    """Return whether a recipe declares a build, so that checks/proof.json has it."""
    return isinstance(build, NotInstalled) or any(build in present.values() for present in INSTALLED.values())


def require(*builds):
    """Raise NotInstalledError for the first build that is not on this machine."""
    for build in builds:
        if isinstance(build, NotInstalled):
            raise NotInstalledError(build.what)


SITES = [(build, config) for recipe in RECIPES.values() for config in recipe.configs for build in suiting(config)]


def values_of(item):
    """Return the parameters of a test, with tuples flattened."""
    callspec = getattr(item, "callspec", None)
    found = []
    for value in callspec.params.values() if callspec else ():
        found += value if isinstance(value, tuple) else [value]
    return found


def builds_of(item):
    """Return the builds among the parameters of a test."""
    return [value for value in values_of(item) if isinstance(value, Build)]


def files_of(item):
    """Return the files of recipes among the parameters of a test."""
    paths = [value for value in values_of(item) if isinstance(value, Path) and value.is_relative_to(FOLDER)]
    return [path for path in paths if path.relative_to(FOLDER).parts[0] in RECIPES]


REST = "rest"
SHARDS = (*RECIPES, REST)
"""The parts of the suite: the tests of each recipe, and all others."""


def shard_of(item):
    """Return the shard of a test.

    It is the recipe of its first build, or the recipe of its first file, or "rest".
    """
    for build in builds_of(item):
        return next(name for name, recipe in RECIPES.items() if recipe.program == build.program)
    for path in files_of(item):
        return recipe_of(path).name
    return REST


def versions_here(browser):
    """Return the versions of declared builds here, by program and origin.

    `browser` is the name and version of the browser, or None.
    """
    table = {
        RECIPES[name].program: {origin: build.version for origin, build in present.items()}
        for name, present in INSTALLED.items()
        if present
    }
    return table | ({browser.partition(" ")[0]: {BROWSER: browser.partition(" ")[2]}} if browser else {})


class NotRun:
    """Skip a test if it or one of its fixtures needs something that is missing.

    On CI, where only what is optional may be missing, the test fails.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        with self.noted(item):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        with self.noted(item):
            return (yield)

    @contextlib.contextmanager
    def noted(self, item):
        try:
            yield
        except OptionalError as error:
            pytest.skip(str(error))
        except (NotInstalledError, MachineError) as error:
            installable = isinstance(error, NotInstalledError)
            item.user_properties.append(("lacks", [error.what if installable else str(error), installable]))
            if os.environ.get("CI"):
                pytest.fail(str(error), pytrace=False)
            pytest.skip(str(error))


def lines_about(lacking):
    """Return the lines at the end of a run about tests that did not run.

    `lacking` has (what is missing, whether it can be installed) for each of these tests.
    """
    lines = []
    for installable in (True, False):
        counted = sorted(what for what, adds in lacking if adds == installable)
        for what in dict.fromkeys(counted):
            tests = counted.count(what)
            need = "need" if tests > 1 else "needs"
            count = f"{tests} test{'s' if tests > 1 else ''}"
            lines.append(f"not run: {count} that {need} {what}" if installable else f"not run: {count}: {what}")
        if installable and counted:
            lines.append(f"to add what these tests need, run: {ADD}")
    return lines
