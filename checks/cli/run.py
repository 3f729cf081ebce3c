"""Start a proxy with a published config, in front of a stand-in for DSS."""

from __future__ import annotations

import argparse
import contextlib
import signal

from .lab import find_recipe, lab_errors
from .parser import UsageError

NEEDS_LAB = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recipe and which of its configs to run."""
    parser.add_argument("recipe", metavar="RECIPE", help="the proxy, such as nginx")
    parser.add_argument("--https", action="store_true", help="run the config for HTTPS")
    parser.add_argument("--broken", metavar="ID", help="run the config with the one mistake that leads to this cause")
    parser.add_argument("--print", action="store_true", help="print the whole config, and run nothing")


@lab_errors()
def run(arguments: argparse.Namespace) -> int:
    """Start the proxy, print the URLs, and wait for Ctrl-C."""
    from checks.lab.proxy import proxy  # noqa: PLC0415
    from checks.lab.recipe import recipes  # noqa: PLC0415
    from checks.lab.standin import stand_in  # noqa: PLC0415

    recipe = find_recipe(arguments.recipe, recipes())
    for number in (signal.SIGINT, signal.SIGTERM):  # either one stops all the processes too
        signal.signal(number, signal.default_int_handler)
    config = recipe.config(https=arguments.https) if arguments.broken is None else recipe.variant(arguments.broken)
    if arguments.https and not recipe.secure(config):
        raise UsageError(f"--https: {arguments.broken} is a mistake in a config for HTTP; leave --https out")
    if arguments.print:
        print(recipe.text(config), end="")
        return 0
    build = recipe.pick(config)
    with (
        contextlib.suppress(KeyboardInterrupt),
        stand_in(bare=recipe.needs(config).bare) as dss,
        proxy(recipe, build, config, dss) as site,
    ):
        print(f"{build} with {config.relative_to(recipe.folder.parent)}, in front of a stand-in for DSS:")
        print(f"  the page      {site.origin}/")
        print(f"  a notebook    {site.origin}/notebook#{dss.token}")
        if site.tls:
            print("The certificate comes from an authority made for this run, so your browser shows a warning.")
        print("Press Ctrl-C to stop.", flush=True)
        signal.pause()
    return 0
