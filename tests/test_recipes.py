"""Every published config, as published but for the reader's own values, on every build here."""

import contextlib
import re
import shutil
from collections import defaultdict

import pytest
from browser import missing
from conftest import BUILDS, RECIPES, SITES, recipe_of
from proof import RENEW, id_of, name_of
from survival import CHECKS, survive

from checks.lab.proxy import proxy

TRANSCRIPTS = [
    (build, file) for name, recipe in RECIPES.items() for build in BUILDS[name] for file in recipe.transcripts
]


@pytest.fixture(scope="session")
def sites(dss):
    """Return a function that gives the running site of a build and a config, started once."""
    with contextlib.ExitStack() as stack:
        started = {}

        def site(build, config):
            if (build, config) not in started:
                started[build, config] = stack.enter_context(proxy(recipe_of(config), build, config, dss))
            return started[build, config]

        yield site


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize(("build", "config"), SITES, ids=id_of)
def test_recipe_survives(build, config, check, sites, record_property):
    record_property("config", name_of(config))
    site = sites(build, config)
    try:
        survive(check, site)
    except BaseException as error:
        error.add_note(f"\nwithout this: {check.__doc__}\nconfig: {config}\nlog of {build}:\n{site.log()}")
        raise


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_lab_changes_the_declared_blanks_and_nothing_else(recipe):
    values = defaultdict(lambda: "<>")
    blanks = "|".join(re.escape(blank) for blank in recipe.declared["blanks"])
    for config in [*recipe.configs, *recipe.twins]:
        text = config.read_text()
        for line, filled in zip(text.splitlines(), recipe.fill(text, values).splitlines(), strict=True):
            around = ".+".join(re.escape(part) for part in re.split(blanks, line))
            assert re.fullmatch(around, filled)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_blank_stands_in_a_config(recipe):
    values = defaultdict(lambda: "<>")
    everything = "\n".join(config.read_text() for config in recipe.configs)
    unused = [
        blank
        for blank in recipe.declared["blanks"]
        if recipe.fill(everything, values).count(blank) == everything.count(blank)
    ]
    assert not unused, f"{recipe.name}/recipe.toml declares {unused}, which no config holds: take them out"


@pytest.mark.parametrize(("build", "transcript"), TRANSCRIPTS, ids=id_of)
def test_the_commands_of_the_page_give_the_output_of_the_page(build, transcript, sites, request):
    recipe = recipe_of(transcript)
    broken = transcript.parent.name == "broken"
    site = sites(build, recipe.twin(transcript.stem) if broken else recipe.config(https=False))
    told = transcript.read_text()
    for program in {command.split()[1] for command in commands_of(told)} - {recipe.program, "python"}:
        if not shutil.which(program):
            missing(f"{program} is not on PATH; on Debian and Ubuntu this adds it: apt-get install {program}")
    seen = "".join(command + as_printed(site, command) for command in commands_of(told))
    if request.config.getoption("prove"):
        transcript.write_text(seen)
        return
    assert seen == told, f"{transcript.name} is not what the commands say now: {RENEW}"


def commands_of(transcript):
    """Return each command as it stands there: its `$ ` line, and the `> ` lines that go on with it."""
    return re.findall(r"(?m)^\$ .*\n(?:> .*\n)*", transcript)


def as_printed(site, command):
    """Run a command of the page here; return what it says, with the reader's values in place of the lab's."""
    line = re.sub(r"(?m)^[$>] ", "", command)
    said = site.command(line.replace("http://dss.example.com", site.origin)).stdout
    there = {str(site.folder): "/etc/nginx", "lab.conf": "nginx.conf", site.origin: "http://dss.example.com"}
    for ours, theirs in there.items():
        said = said.replace(ours, theirs)
    return re.sub(r"\d{4}/\d\d/\d\d [\d:]{8} (\[\w+\]) \d+#\d+", r"2026/01/01 12:00:00 \1 1#1", said)
