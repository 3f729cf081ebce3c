"""The reader of recipe.toml: a mistake is one sentence with file and key."""

import pytest
from support.conformance import CHECKS
from support.machine import RECIPES
from support.recipe_file import GOOD

from checks.lab.programs import Program
from checks.lab.recipe import recipes
from checks.lab.recipe_file import RecipeFile
from checks.lab.schema import SchemaError, entries

pytestmark = pytest.mark.quick

MISTAKES = {
    "an unknown key": (
        'title = "nginx"',
        'title = "nginx"\ncolour = "green"',
        "colour: unknown key; expected one of: ",
    ),
    "an unknown key in a table": ('since = "1.18"', 'sinze = "1.18"', 'needs."http.conf".sinze: unknown key; expected'),
    "an unknown kind of build": ("wheel =", "rpm =", "builds.rpm: unknown key; expected one of: compiled, debian, "),
    "a missing key": ('etc = "/etc/nginx"', "", "etc: missing; expected a string: The folder in which"),
    "a missing key of a build": (', packages = ["nginx"]', "", "debian.bookworm.packages: missing; expected a list of"),
    "no argument for the version": ('version_argument = "-v"', "", "builds.version_argument: missing; expected a str"),
    "a number": ('"nginx"\nprogram', "3\nprogram", "title: expected a string, got 3"),
    "a string for a list": ('["nginx"]', '"nginx"', "packages: expected a list of strings, got 'nginx'"),
    "a string for a table": (
        '{ means = "the port for HTTP", lab = "{http}" }',
        '"HTTP"',
        "blanks.80: expected a table, got",
    ),
    "a boolean for a version": ('since = "1.18"', "since = true", 'since: expected a version such as "1.29", got True'),
    "a version with letters": ('"1.18"', '"1.18-rc"', "expected a version such as \"1.29\", got '1.18-rc'"),
    "a wheel without its hash": (" --hash=sha256:0", "", "builds.wheel: expected a package with its version and hash"),
    "an unknown value": ("{http}", "{port}", "blanks.80.lab: expected a template that has no values but {folder}, "),
    "a key that is not a pattern": (
        "[blanks]",
        '[quiet]\n"(" = ""\n[blanks]',
        'quiet."(": expected a regular expression, got',
    ),
    "a number in a list": ('["nginx"]', '["nginx", 3]', "debian.bookworm.packages.2: expected a string, got 3"),
    "another key in place of a required one": ("title =", "name =", "name: unknown key; expected one of: "),
    "a file that is not there": ('"http.conf"', '"https.conf"', 'needs."https.conf": expected a file in nginx/'),
    "no TOML": ("[builds]", "[builds", "recipe.toml: not valid TOML: "),
}


def written(tmp_path, text):
    folder = tmp_path / "nginx"
    folder.mkdir()
    (folder / "http.conf").touch()
    (folder / "recipe.toml").write_text(text)
    return recipes(tmp_path)


def test_a_file_without_mistakes_is_read(tmp_path):
    recipe = written(tmp_path, GOOD)["nginx"]
    assert list(recipe.origins) == ["bookworm", "wheel"]
    assert (recipe.origins["bookworm"].pinned, recipe.origins["wheel"].pinned) == ("", "1.31.3")
    assert recipe.file.needs["http.conf"].since == "1.18"


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_file_and_key(tmp_path, old, new, message):
    assert GOOD.count(old) == 1
    with pytest.raises(SchemaError) as raised:
        written(tmp_path, GOOD.replace(old, new))
    assert message in str(raised.value)
    assert "recipe.toml: " in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    (tmp_path / "nginx").mkdir()
    (tmp_path / "nginx" / "recipe.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(SchemaError, match=r"recipe\.toml: expected UTF-8 text$"):
        recipes(tmp_path)


@pytest.mark.parametrize("kind", [RecipeFile, Program])
def test_every_key_has_a_meaning_and_an_example(kind):
    unexplained = [entry.name for entry in entries(kind) if not entry.meaning or not entry.example]
    assert not unexplained


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_an_exemption_names_a_conformance_check(recipe):
    unknown = {exemption.check for exemption in recipe.file.exempt} - set(CHECKS)
    assert not unknown, f"{recipe.name}/recipe.toml: [[exempt]] expected one of {sorted(CHECKS)}, got {unknown}"
