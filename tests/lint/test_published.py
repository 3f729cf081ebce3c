"""The lint reports broken examples, and nothing about published configs."""

import pytest
from support.machine import RECIPES

from checks.lint import KINDS, Options, lint_text

pytestmark = pytest.mark.quick

NOT_IN_THE_CONFIG = {
    "backend-down": "whether a server runs at an address is not in the config",
}
"""Causes that a config cannot show, each with the reason."""

CONFIGS = [(name, config) for name, recipe in RECIPES.items() for config in recipe.configs if name in KINDS]
BROKEN = [
    (name, variant)
    for name, recipe in RECIPES.items()
    if name in KINDS
    for variant in sorted((recipe.folder / "broken").glob("*.patch"))
]


def version_of(config):
    """Return a version that a config is for, if it is only for old ones."""
    return {"http-before-2-7": "2.6.2", "https-before-2-7": "2.6.2"}.get(config.stem, "")


def serious(report):
    """Return the causes of the findings that are more than a note."""
    return {each.cause for each in report.findings if each.severity != "note"}


@pytest.mark.parametrize(("name", "config"), CONFIGS, ids=lambda value: getattr(value, "name", value))
def test_a_published_config_is_silent(name, config):
    report = lint_text(config.read_text(), config.name, name, Options(version=version_of(config)))
    assert not report.findings
    assert report.decided, f"{config}: {report.unknown}"


@pytest.mark.parametrize(("name", "variant"), BROKEN, ids=lambda value: getattr(value, "stem", value))
def test_a_broken_example_is_found(name, variant):
    patch = RECIPES[name].patch(variant)
    before = (RECIPES[name].folder / patch.base).read_text()
    report = lint_text(patch.apply(before), variant.stem, name)
    if variant.stem in NOT_IN_THE_CONFIG:
        assert serious(report) == set()
        return
    assert variant.stem in serious(report) or SAME.get(variant.stem) in serious(report)


SAME = {"upgrade-wrong-location": "upgrade-not-forwarded"}
"""Causes that look the same in one location."""
