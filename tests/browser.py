"""A real browser for the tests that need one: skipped where there is none, failed on CI."""

import os

import pytest

from checks.lab import browser
from checks.lab.process import LabError


def launch(*arguments, **options):
    """As `checks.lab.browser.launch`; without a Chromium, skip, and fail on CI."""
    try:
        browser.chromium()
    except LabError as error:
        missing(str(error))
    return browser.launch(*arguments, **options)


def missing(sentence):
    """Skip for what this machine lacks; on CI nothing may be lacking."""
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def missing_build(recipe, twin):
    """As `missing`, for the builds on which this twin's mistake is one."""
    bounds = " and ".join(
        f"{word} {recipe.needs(twin)[word]}" for word in ("since", "before") if word in recipe.needs(twin)
    )
    missing(f"{twin.name} needs {recipe.program} {bounds}; this adds it: make proxies")
