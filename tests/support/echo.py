"""Run `checks echo`, as behind a proxy."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from checks.lab.proxy import proxy
from support.machine import RECIPES
from support.proof import ROOT

CONFIGS = {name: file for name, recipe in RECIPES.items() for file in recipe.folder.glob("echo.*")}
"""What lets a proxy send one path to `echo`, by recipe."""

PLACES = {
    "nginx": ("    location / {\n", "after"),
    "apache": ("    ProxyPass /", "before"),
    "haproxy": ("    server dss ", "before"),
    "caddy": ("dss.example.com {\n", "after"),
}
"""Where the first line of `echo.*` says that it belongs: beside this text."""


@contextmanager
def running_echo(*options):
    """Run the command for the length of the block; yield its port and its process."""
    command = [sys.executable, "-u", "-m", "checks", "echo", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield SimpleNamespace(port=int(line.split(";")[0].rpartition(":")[2]), process=process)
        finally:
            process.kill()


@contextmanager
def one_path(name, dss, echo, broken="", replaced=(), *, https=False):
    """Run a recipe with its `echo.*`, perhaps with a mistake."""
    recipe = RECIPES[name]
    config = recipe.variant(broken) if broken else recipe.config(https=https)
    base = recipe.changed(config)
    text = recipe.text(config)
    for old, new in replaced:
        assert old in text, f"expected {old!r} in {base}"
        text = text.replace(old, new)
    snippet = CONFIGS[name]
    added = snippet.read_text().replace("ECHO_HOST", "127.0.0.1").replace("ECHO_PORT", str(echo.port))
    if name in PLACES:
        place, side = PLACES[name]
        assert place in text, f"expected {place!r} in {base}"
        changed = {config: text.replace(place, place + added if side == "after" else added + place, 1)}
    else:
        changed = {config: text, Path(recipe.file.installed_as).with_name(snippet.name): added}
    with proxy(recipe, recipe.pick(config), config, dss, changed=changed) as site:
        yield site
