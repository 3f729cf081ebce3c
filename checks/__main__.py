"""The command line: arguments, printing, exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict

from checks import doctor
from checks.doctor import EPILOG, Parser, UsageError
from checks.view import clean

WHAT = "Say what breaks WebSocket on the way to a DSS; run, list and measure the proxies and configs of the site."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = Parser(prog="python -m checks", description=WHAT, epilog=EPILOG)
    commands = parser.add_subparsers(title="commands", metavar="")
    doctor.add(commands)

    run = commands.add_parser("run", help="start a published config in front of a stand-in of DSS, to look at")
    run.add_argument("recipe", help="the proxy, such as nginx")
    run.add_argument("--https", action="store_true", help="the config for HTTPS")
    run.add_argument("--broken", metavar="ID", help="the config with the one mistake that gives this finding")
    run.set_defaults(do=run_recipe)

    builds = commands.add_parser(
        "builds", help="list the builds of proxies that configs are run on, with their origins"
    )
    builds.add_argument(
        "--fetch", action="store_true", help="download or compile the missing ones to .zoo/, without root"
    )
    builds.set_defaults(do=show_builds)

    bench = commands.add_parser("bench", help="measure what each proxy costs, against no proxy, in one run")
    bench.add_argument("recipes", nargs="*", metavar="PROXY", help="the proxies, such as nginx; by default all")
    bench.add_argument("--rounds", type=int, default=5, metavar="N", help="measure each N times (default 5)")
    bench.add_argument("--write", action="store_true", help="keep the result in checks/costs.json, for the page")
    bench.add_argument("--diagnose", action="store_true", help="measure diagnose instead, against a bare handshake")
    bench.set_defaults(do=measure)

    tools = commands.add_parser("tools", help="ask curl, wscat and others about broken ways, and diagnose beside them")
    tools.add_argument("--write", action="store_true", help="keep the result in checks/tools.json, for the page")
    tools.set_defaults(do=compare_tools)

    picture = commands.add_parser("picture", help="take the picture of the message again")
    picture.set_defaults(do=take_picture)

    return doctor.run(parser, argv)


def run_recipe(arguments: argparse.Namespace) -> int:
    """Start recipe and stand-in, print the address, wait for Ctrl-C."""
    from checks.lab.process import LabError  # noqa: PLC0415
    from checks.lab.proxy import proxy  # noqa: PLC0415
    from checks.lab.recipe import recipes  # noqa: PLC0415
    from checks.lab.standin import stand_in  # noqa: PLC0415

    known = recipes()
    if arguments.recipe not in known:
        raise UsageError(f"there is no recipe {arguments.recipe!r}; there are: {', '.join(known)}")
    recipe = known[arguments.recipe]
    for sign in (signal.SIGINT, signal.SIGTERM):  # whoever ends us, from wherever, nothing stays behind
        signal.signal(sign, signal.default_int_handler)
    try:
        config = recipe.twin(arguments.broken) if arguments.broken else recipe.config(https=arguments.https)
        build = recipe.pick(config)
        with (
            contextlib.suppress(KeyboardInterrupt),
            stand_in(bare=recipe.needs(config).get("bare", False)) as dss,
            proxy(recipe, build, config, dss) as site,
        ):
            print(f"{build} with {config.relative_to(recipe.folder.parent)}, in front of a stand-in of DSS:")
            print(f"  the page      {site.origin}/")
            print(f"  a notebook    {site.origin}/notebook#{dss.token}")
            if site.tls:
                print("The certificate comes from an authority made for this run: your browser will warn.")
            print("Ctrl-C ends it.", flush=True)
            signal.pause()
    except LabError as error:
        raise UsageError(str(error)) from error
    return 0


def show_builds(arguments: argparse.Namespace) -> int:
    """Print the table of builds; with --fetch, fetch the missing ones first."""
    from checks.lab.process import NotInstalledError  # noqa: PLC0415
    from checks.lab.recipe import recipes  # noqa: PLC0415
    from checks.lab.zoo import PROGRAMS, program  # noqa: PLC0415

    failed = {}
    if arguments.fetch:
        from checks.lab.fetch import everything, fetch  # noqa: PLC0415

        failed = fetch(everything(), lambda line: print(f"{clean(line)}\n", end="", flush=True))
        print()
    print(f"{'proxy':<12} {'version':<10} origin")
    for recipe in recipes().values():
        for build in recipe.builds:
            print(f"{recipe.title:<12} {build.version:<10} {build.origin}")
    for name, declared in PROGRAMS.items():
        with contextlib.suppress(NotInstalledError):
            print(f"{declared['title']:<23} {program(name)}")
    for reason in dict.fromkeys(failed.values()):
        titles = ", ".join(title for title, why in failed.items() if why == reason)
        print(f"not available: {titles}: {clean(reason)}")
    return 1 if failed else 0


def measure(arguments: argparse.Namespace) -> int:
    """Measure, and print each cost as a multiple of the direct way."""
    if arguments.diagnose:
        return measure_diagnose(arguments)
    from checks.lab.bench import RESULTS, compare  # noqa: PLC0415
    from checks.lab.process import LabError  # noqa: PLC0415
    from checks.lab.recipe import recipes  # noqa: PLC0415

    known = {name: recipe for name, recipe in recipes().items() if recipe.configs}
    if unknown := sorted(set(arguments.recipes) - set(known)):
        raise UsageError(f"there is no recipe {unknown[0]!r}; there are: {', '.join(known)}")
    if arguments.rounds < 1:
        raise UsageError(f"--rounds takes 1 or more, got {arguments.rounds}")
    wanted = [known[name] for name in arguments.recipes or known]
    costs = {}
    try:
        for recipe, version, cost in compare(wanted, arguments.rounds, lambda line: print(line, file=sys.stderr)):
            costs[recipe.name] = {"proxy": f"{recipe.title} {version}", **asdict(cost)}
    except LabError as error:
        raise UsageError(str(error)) from error
    print(f"{'as a multiple of no proxy':<28} {'handshake':>9} {'round trip':>10} {'1 socket':>9} {'200 sockets':>11}")
    for row in costs.values():
        times, rates = (
            f"{row['handshake']:>8.1f}x {row['round_trip']:>9.1f}x",
            f"{row['rate_one']:>8.2f}x {row['rate_many']:>10.2f}x",
        )
        print(f"{row['proxy']:<28} {times} {rates}")
    if arguments.write:
        kept = {"rounds": arguments.rounds, "cores": os.cpu_count(), "costs": costs}
        RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    return 0


def measure_diagnose(arguments: argparse.Namespace) -> int:
    """Measure diagnose itself, and print what it costs."""
    from checks.lab import bench_diagnose  # noqa: PLC0415
    from checks.lab.process import LabError  # noqa: PLC0415

    try:
        found = bench_diagnose.measure(arguments.rounds)
    except LabError as error:
        raise UsageError(str(error)) from error
    print(f"a healthy diagnose takes {found.time_ratio:.1f} x the time of a bare handshake and echo")
    print(f"and {found.memory_ratio:.1f} x its memory")
    print(f"--help takes {found.help_time_ratio:.1f} x the time of `import asyncio, ssl`")
    for number, seconds in found.seconds.items():
        print(f"{number:>5} addresses: {seconds:5.1f} s, {found.megabytes[number]:4.0f} MB")
    if arguments.write:
        kept = {"rounds": arguments.rounds, "cores": os.cpu_count(), **asdict(found)}
        bench_diagnose.RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    return 0


def compare_tools(arguments: argparse.Namespace) -> int:
    """Print what each tool says of each endpoint, and what diagnose names."""
    from checks.lab.process import LabError  # noqa: PLC0415
    from checks.lab.tools import RESULTS, cases, tools  # noqa: PLC0415

    seen = []
    try:
        versions = {tool.name: tool.version for tool in tools()}
        for case in cases():
            seen.append(asdict(case))
            print(f"{case.proxy}, {case.broken or 'as published'}:")
            for name, output in case.outputs.items():
                ended = "stays" if output.exit_code is None else f"exit {output.exit_code}"
                print(f"  {name:<12} {ended:<9} {clean(output.line)}")
            print(f"  {'diagnose':<12} {'':<9} {', '.join(case.causes) or 'undecided'}", flush=True)
    except LabError as error:
        raise UsageError(str(error)) from error
    if arguments.write:
        RESULTS.write_text(json.dumps({"versions": versions, "cases": seen}, indent=2) + "\n")
    return 0


def take_picture(_: argparse.Namespace) -> int:
    """Take _images/websockets-1.png."""
    from checks.lab.chromium import picture  # noqa: PLC0415
    from checks.lab.process import LabError  # noqa: PLC0415

    try:
        print(picture())
    except LabError as error:
        raise UsageError(str(error)) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
