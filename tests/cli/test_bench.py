"""bench: what each proxy costs, as a multiple of no proxy."""

from pathlib import Path

import pytest
from support.machine import RECIPES

from checks.cli import main
from checks.lab import bench_idle

WRONG = [
    (["bench", "nginy"], "checks: unknown recipe 'nginy'; expected one of "),
    (["bench", "--rounds", "0"], "checks: --rounds: expected 1 or more, got 0\n"),
    (["bench", "--idle", "0"], "checks: --idle: expected 1-86400 s, got 0\n"),
]


@pytest.mark.parametrize(("argv", "message"), WRONG, ids=["recipe", "rounds", "idle"])
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


def test_bench_idle_counts_until_a_silent_websocket_closes(capsys, monkeypatch):
    nginx = RECIPES["nginx"]
    published, read_text = nginx.config(https=False), Path.read_text
    short = published.read_text().replace("proxy_read_timeout 3600s", "proxy_read_timeout 1s")
    monkeypatch.setattr(
        Path, "read_text", lambda path, *a, **b: short if path == published else read_text(path, *a, **b)
    )
    monkeypatch.setattr(bench_idle, "without_timeout", lambda _: None)
    assert main(["bench", "nginx", "--idle", "5"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ["default", "our", "config"]
    default, config = row.split()[-2:]
    assert default == config
    assert 1 <= float(config) < 3


def test_the_idle_timeout_of_five_proxies_is_their_own():
    lacking = {name for name, recipe in RECIPES.items() if bench_idle.without_timeout(recipe)}
    assert lacking == {"apache", "haproxy", "lighttpd", "nginx", "varnish"}
