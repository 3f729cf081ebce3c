"""On random configs, the lint expects what the real proxy does."""

import pytest
from support.machine import every, require

from . import differential, real

RUNS = {"nginx": (3, 14), "haproxy": (1, 20), "apache": (1, 20)}
"""How many starts, and how many configs each; run by hand with more (tests/lint/differential.py)."""


@pytest.mark.parametrize("kind", RUNS)
def test_the_lint_agrees_with_the_real_proxy(kind):
    build = every(kind)[-1]
    require(build)
    batches, size = RUNS[kind]
    server = real.Server()
    compared = getattr(differential, f"{kind}_batches")(build, 2026, batches, size, server)
    wrong = [
        (text, address, verdict, result)
        for text, address, verdict, result in compared
        if verdict not in {None, result.opened}
    ]
    server.close()
    assert not wrong
