"""Every published config, filled in with the lab's values, on every build here."""

import re
from collections import defaultdict

import pytest
from support.conformance import CHECKS, survive
from support.machine import INSTALLED, RECIPES, SITES, absent, expected, is_declared, newest, recipe_of
from support.proof import RENEW, id_of, name_of

from checks.lab.process import NotInstalledError
from checks.lab.programs import PROGRAMS, program
from checks.lab.proxy import proxy
from checks.lab.recipe import RECIPES as FOLDER


def in_its_group(site, *before):
    """Return a parameter in the xdist group of its site, so one worker runs it."""
    build, config = site
    return pytest.param(*before, site, marks=pytest.mark.xdist_group(f"{build} {name_of(config)}"))


@pytest.fixture(scope="module")
def site(request, dss):
    """Run a config on a build.

    pytest runs the tests of the same site one after another.
    """
    build, config = request.param
    with proxy(recipe_of(config), build, config, dss) as running:
        yield running


def id_of_values(values):
    """Return the part of a test id for one value or a tuple of values."""
    return " ".join(map(id_of, values)) if isinstance(values, tuple) else id_of(values)


EVERY_SITE = pytest.mark.parametrize("site", list(map(in_its_group, SITES)), ids=id_of_values, indirect=True)


@EVERY_SITE
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_recipe_survives(site, check, record_property):
    exempt = site.recipe.exempt(check.__name__, site.build, site.config)
    if is_declared(site.build):
        record_property("survived", [name_of(site.config), id_of(site.build), check.__doc__, exempt])
    try:
        survive(check, site)
    except BaseException as error:
        if exempt and isinstance(error, Exception):
            return  # recipe.toml expects this failure
        error.add_note(f"\nwithout this: {check.__doc__}\nconfig: {site.config}\nlog of {site.build}:\n{site.log()}")
        raise
    assert not exempt, f"{site.recipe.name}/recipe.toml: {check.__name__} passes: remove it from [[exempt]]"


HTTP = [recipe.config(https=False) for recipe in RECIPES.values() if recipe.configs]
NEWEST = [(newest(config), config) for config in HTTP]
OWN = [
    (file, (build, recipe_of(config).variant(file.stem) if file.parent.name == "broken" else config))
    for build, config in NEWEST
    for file in recipe_of(config).transcripts
]
COMMON = [(file, site) for site in NEWEST for file in sorted(FOLDER.glob("*.console"))]
TRANSCRIPTS = [in_its_group(site, file) for file, site in [*OWN, *COMMON]]


@pytest.mark.parametrize(("transcript", "site"), TRANSCRIPTS, ids=id_of_values, indirect=["site"])
def test_commands_print_the_output_on_the_page(transcript, site, request):
    expected_text = transcript.read_text()
    commands = commands_of(expected_text)
    for name in {command.split()[1] for command in commands} & set(PROGRAMS):
        program(name)
    text = "".join(command + output_of(site, command) for command in commands)
    if request.config.getoption("prove"):
        transcript.write_text(text)
        return
    assert text == expected_text, f"{transcript.name}: the output of its commands changed: {RENEW}"


def commands_of(transcript):
    """Return each command: its `$ ` line, and the `> ` lines that continue it."""
    return re.findall(r"(?m)^\$ .*\n(?:> .*\n)*", transcript)


def output_of(site, command):
    """Run a command of the page, and return its output as the page shows it.

    The values of the page replace those of the lab.
    """
    line = re.sub(r"(?m)^[$>] ", "", command)
    output = site.command(line.replace("http://dss.example.com", site.origin)).stdout
    output = output.replace(str(site.folder), site.recipe.etc).replace(site.origin, "http://dss.example.com")
    for pattern, replacement in {**VARYING, **site.recipe.file.shown}.items():
        output = re.sub(pattern, replacement, output)
    return output


VARYING = {
    r"(?m) +\d+ m?s$": "",
    r"localhost: 127\.0\.0\.1": "dss.example.com: 192.0.2.10",
    r"127\.0\.0\.1:\d+: accepted": "192.0.2.10:80: accepted",
    r"\d{4}/\d\d/\d\d [\d:]{8}(\.\d+)? (\[\w+\]) \d+#\d+": r"2026/01/01 12:00:00 \2 1#1",
}
"""Patterns of output that varies between runs, and their replacements.

recipe.toml may add more in [shown].
"""


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_lab_changes_the_declared_blanks_and_nothing_else(recipe):
    values = defaultdict(lambda: "<>")
    blanks = "|".join(re.escape(blank) for blank in recipe.file.blanks)
    for config in [*recipe.published, *recipe.broken]:
        text = recipe.text(config)
        for line, filled in zip(text.splitlines(), recipe.fill(text, values).splitlines(), strict=True):
            around = ".+".join(re.escape(part) for part in re.split(blanks, line))
            assert re.fullmatch(around, filled), (
                f"{config.name}: `{line}` became `{filled}`: declare what differs in [blanks]"
            )


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_blank_is_in_a_config(recipe):
    values = defaultdict(lambda: "<>")
    everything = "\n".join(path.read_text() for path in [*recipe.published, *recipe.surroundings])
    unused = [
        blank for blank in recipe.file.blanks if recipe.fill(everything, values).count(blank) == everything.count(blank)
    ]
    assert not unused, f"{recipe.name}/recipe.toml: no config contains {unused}: remove them from [blanks]"


ORIGINS = [(recipe, origin) for recipe in RECIPES.values() for origin in expected(recipe)]


@pytest.mark.parametrize(("recipe", "origin"), ORIGINS, ids=lambda value: getattr(value, "name", value))
def test_a_declared_build_is_installed(recipe, origin):
    if origin not in INSTALLED[recipe.name]:
        versions = {build.origin: build.what for build in absent(recipe)}
        raise NotInstalledError(versions.get(origin, f"{recipe.title} ({origin})"))
