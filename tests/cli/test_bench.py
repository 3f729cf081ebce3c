"""bench: what each proxy costs, as a multiple of no proxy."""

import pytest
from support.machine import RECIPES

from checks.cli import main

WRONG = [
    (["bench", "nginy"], "checks: unknown recipe 'nginy'; expected one of "),
    (["bench", "--rounds", "0"], "checks: --rounds: expected 1 or more, got 0\n"),
]


@pytest.mark.parametrize(("argv", "message"), WRONG, ids=["recipe", "rounds"])
def test_wrong_usage_is_one_line(argv, message, capsys):
    assert main(argv) == 2
    output = capsys.readouterr()
    assert output.err.startswith(message)
    assert output.err.count("\n") == 1


def test_bench_compares_with_no_proxy_in_the_same_run(capsys):
    build = RECIPES["nginx"].newest()
    assert main(["bench", "nginx", "--rounds", "1"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("as a multiple of no proxy")
    title, version, *costs = row.split()
    assert title == "nginx"
    assert version == build.version
    assert all(0 < float(cost.rstrip("x")) < 1000 for cost in costs)
