"""Measure what each proxy costs, compared with no proxy in the same run."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from .lab import find_recipe, lab_errors, write_json
from .parser import UsageError, expect_between

if TYPE_CHECKING:
    from checks.lab.recipe import Recipe

NEEDS_LAB = True

LONGEST_IDLE = 86_400
"""The longest time in seconds that `bench --idle` waits."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to measure and how often."""
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="the proxies, such as nginx (default: all)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="measure each N times (default: 5)")
    parser.add_argument("--write", action="store_true", help="write the result to checks/, for the pages of the site")
    parser.add_argument(
        "--idle",
        type=float,
        metavar="SECONDS",
        help="measure instead how long a silent WebSocket stays open, up to this",
    )
    parser.add_argument("--diagnose", action="store_true", help="measure diagnose instead, against a bare handshake")
    parser.add_argument("--exporter", action="store_true", help="measure the exporter instead, with 1,000 targets")
    parser.add_argument(
        "--minutes", type=float, default=10, metavar="N", help="measure each exporter for N minutes (default: 10)"
    )


@lab_errors()
def run(arguments: argparse.Namespace) -> int:
    """Measure, and print each cost as a multiple of the cost without it."""
    if arguments.rounds < 1:
        raise UsageError(f"--rounds: expected 1 or more, got {arguments.rounds}")
    if arguments.idle is not None:
        return _bench_idle(arguments)
    if arguments.exporter:
        return _bench_exporter(arguments)
    return _bench_diagnose(arguments) if arguments.diagnose else _bench_proxies(arguments)


def _bench_idle(arguments: argparse.Namespace) -> int:
    from checks.lab.bench_idle import RESULTS, measure  # noqa: PLC0415

    if not 0 < arguments.idle <= LONGEST_IDLE:
        raise UsageError(f"--idle: expected 1-{LONGEST_IDLE} s, got {arguments.idle:g}")
    silences = measure(_chosen(arguments.recipes), arguments.idle, lambda line: print(line, file=sys.stderr))
    print(f"{'seconds until a silent WebSocket closes':<40} {'default':>10} {'our config':>10}")
    for row in silences.values():
        shown = [f"{value:.1f}" if value is not None else "open" for value in (row.default, row.config)]
        print(f"{row.proxy:<40} {shown[0]:>10} {shown[1]:>10}")
    if arguments.write:
        found = {name: asdict(row) for name, row in silences.items()}
        write_json(RESULTS, {"seconds": arguments.idle, "proxies": found})
    return 0


def _chosen(names: list[str]) -> list[Recipe]:
    """Return the recipes with these names, or every recipe if no name is given."""
    from checks.lab.recipe import recipes  # noqa: PLC0415

    known = {name: recipe for name, recipe in recipes().items() if recipe.configs}
    return [find_recipe(name, known) for name in names or known]


def _bench_proxies(arguments: argparse.Namespace) -> int:
    from checks.lab.bench import RESULTS, compare  # noqa: PLC0415

    chosen = _chosen(arguments.recipes)
    costs = {
        recipe.name: {"proxy": f"{recipe.title} {version}", **asdict(cost)}
        for recipe, version, cost in compare(chosen, arguments.rounds, lambda line: print(line, file=sys.stderr))
    }
    print(f"{'as a multiple of no proxy':<28} {'handshake':>9} {'round trip':>10} {'rate, 1':>9} {'rate, 200':>11}")
    for row in costs.values():
        times = f"{row['handshake']:>8.1f}x {row['round_trip']:>9.1f}x"
        print(f"{row['proxy']:<28} {times} {row['rate_one']:>8.2f}x {row['rate_many']:>10.2f}x")
    if arguments.write:
        write_json(RESULTS, {"rounds": arguments.rounds, "cores": os.cpu_count(), "costs": costs})
    return 0


def _bench_diagnose(arguments: argparse.Namespace) -> int:
    import checks.probe.echo_server  # noqa: F401, PLC0415  # so that a missing library is reported here, not by a child
    from checks.lab.bench_diagnose import RESULTS, measure  # noqa: PLC0415

    result = measure(arguments.rounds)
    print(f"a healthy diagnose takes {result.time_ratio:.1f} x the time of a bare handshake and echo")
    print(f"and {result.memory_ratio:.1f} x its memory")
    print(f"--help takes {result.help_time_ratio:.1f} x the time of `import asyncio, ssl`")
    for number, seconds in result.seconds.items():
        print(f"{number:>5} URLs: {seconds:5.1f} s, {result.megabytes[number]:4.0f} MB")
    if arguments.write:
        write_json(RESULTS, {"rounds": arguments.rounds, "cores": os.cpu_count(), **asdict(result)})
    return 0


def _bench_exporter(arguments: argparse.Namespace) -> int:
    from checks.lab.bench_exporter import RESULTS, measure  # noqa: PLC0415

    expect_between("--minutes", arguments.minutes, 1, 1440)
    measured = measure(arguments.minutes, lambda line: print(line, file=sys.stderr))
    costs = {name: asdict(cost) for name, cost in measured.items()}
    for name, cost in costs.items():
        print(f"{name}: {cost['probes']} probes, {cost['lost']} lost")
        print(f"  {cost['succeeded']} of {cost['healthy']} probes of healthy targets succeeded")
        for kind in ("healthy", "hostile"):
            parts = ", ".join(f"{part} %: {seconds:.2f}" for part, seconds in cost[f"{kind}_seconds"].items())
            print(f"  seconds, {kind} targets: {parts}")
        early, late, most = cost["megabytes"]
        print(f"  memory: {early:.0f} MB early, {late:.0f} MB at the end, {most:.0f} MB at most")
        print(f"  CPU: {cost['cpu']:.2f} cores")
    if arguments.write:
        write_json(RESULTS, {"minutes": arguments.minutes, "cores": os.cpu_count(), "costs": costs})
    return 0
