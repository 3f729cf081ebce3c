"""builds: the list of builds, and the reason for each that is missing."""

from support.machine import RECIPES

from checks.cli import main
from checks.lab.fetch import fetch
from checks.lab.process import LabError


def test_builds_lists_every_build_and_its_origin(capsys):
    assert main(["builds"]) == 0
    table = [line.split()[-2:] for line in capsys.readouterr().out.splitlines()[1:]]
    everything = [[build.version, build.origin] for recipe in RECIPES.values() for build in recipe.builds]
    assert table[: len(everything)] == everything


def no_mirror(_):
    raise LabError("the mirror does not respond")


def test_a_missing_build_is_reported_with_the_reason():
    lines, name = [], "nginx from trixie"
    assert fetch([{name: no_mirror}], lines.append) == {name: "the mirror does not respond"}
    assert lines == ["[ 1/1] nginx from trixie: not available: the mirror does not respond"]
