"""Each fix works when its lines are copied to the place that the page names."""

import pytest
from support.machine import RECIPES, newest
from support.observe import evidence_of
from support.proof import id_of

from checks.findings import diagnose
from checks.lab.fixes import apply, fix_for, fixes, settings, without
from checks.lab.proxy import proxy

IN_ANY_ORDER = {"caddy", "lighttpd", "nginx"}
"""Proxies for which the order of the lines in a block does not count."""

VARIANTS = [variant for recipe in RECIPES.values() for variant in recipe.broken]


def recipe_with(variant):
    """Return the recipe of a broken example."""
    return RECIPES[variant.parents[1].name]


def fixed(variant):
    """Return the broken config with the fix.

    Lines that the reader may not have yet are removed first.
    """
    recipe = recipe_with(variant)
    fix, text = fix_for(recipe, variant), recipe.text(variant)
    for change in fix.changes:
        if change.once:
            text = without(settings(change.write), text)
    return apply(fix, text)


def lines_of(text):
    """Return the lines of a config without comments and margins."""
    return [line.strip() for line in settings(text).splitlines()]


def is_our_config(variant):
    """Tell whether the fixed config is ours, which other tests run."""
    recipe = recipe_with(variant)
    now, ours = lines_of(fixed(variant)), lines_of(recipe.changed(variant).read_text())
    return now == ours or (recipe.name in IN_ANY_ORDER and sorted(now) == sorted(ours))


@pytest.mark.quick
def test_each_broken_example_has_a_fix_that_fits():
    wrong = []
    for recipe in (recipe for recipe in RECIPES.values() if recipe.broken):
        spare = set(fixes(recipe)) - {variant.stem for variant in recipe.broken}
        wrong += [f"{recipe.name}/fixes.toml: [{name}] has no broken example" for name in sorted(spare)]
    for variant in VARIANTS:
        fixed(variant)  # raises FixError, which names the lines that are not there
    assert not wrong, "\n".join(wrong)


TO_RUN = [(newest(variant), variant) for variant in VARIANTS if not is_our_config(variant)]


@pytest.mark.parametrize(("build", "variant"), TO_RUN, ids=id_of)
def test_the_lines_of_a_fix_make_websocket_work(build, variant, dss):
    recipe = recipe_with(variant)
    with proxy(recipe, build, variant, dss, changed={variant: fixed(variant)}) as site:
        evidence = evidence_of(site, variant)
    named = [finding.id for finding in diagnose(evidence).findings]
    assert named == ["works"], f"expected the fixed config to work, got {named}:\n{fixed(variant)}"
