"""Broken examples: how patches are written and applied, and `make broken`."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machine import RECIPES
from support.proof import name_of
from support.recipe_file import GOOD

from checks.lab import broken
from checks.lab.patch import PatchError, read_patch, write_patch
from checks.lab.process import LabError
from checks.lab.recipe import recipes

pytestmark = pytest.mark.quick

BASE = "server {\n    listen 80;\n\n    # Keep idle connections open.\n    timeout 3600s;\n}\n"
HEADER = "--- http.conf\n+++ broken/x.conf\n"
PATCH = HEADER + "@@ -3,4 +3,2 @@\n \n-    # Keep idle connections open.\n-    timeout 3600s;\n }\n"
LONGEST = 24
"""Lines of a patch: a mistake is small."""

TEXTS = st.lists(st.sampled_from(["", "a", "b", " c", "-d", "+e", "@@"]), min_size=1, max_size=12)
VARIANTS = [path for recipe in RECIPES.values() for path in recipe.broken]


@given(TEXTS, TEXTS)
def test_a_patch_leads_from_any_text_to_any_other(before, after):
    old, new = ("\n".join([*lines, ""]) for lines in (before, after))
    if old == new:
        with pytest.raises(PatchError, match="is the same as"):
            write_patch("http.conf", old, "x", new)
        return
    assert read_patch(write_patch("http.conf", old, "x", new)).apply(old) == new


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_every_patch_fits_its_config_and_is_small(variant):
    recipe = next(recipe for recipe in RECIPES.values() if variant in recipe.broken)
    config = recipe.changed(variant)
    assert recipe.text(variant) != config.read_text()
    lines = variant.read_text().splitlines()
    assert lines[1] == f"+++ broken/{variant.stem}{config.suffix}"
    assert len(lines) <= LONGEST


def test_a_patch_has_as_little_context_as_tells_its_place():
    assert write_patch("http.conf", BASE, "broken/x.conf", read_patch(PATCH).apply(BASE)) == PATCH


def test_a_patch_survives_changes_elsewhere():
    moved = BASE.replace("listen 80;", "listen 80;\n    server_name dss.example.com;")
    assert "timeout" not in read_patch(PATCH).apply(moved)


def test_an_empty_line_of_a_patch_is_context():
    assert read_patch(PATCH.replace("\n \n", "\n\n")) == read_patch(PATCH)


@pytest.mark.parametrize(
    ("patch", "base", "message"),
    [
        (
            PATCH,
            BASE.replace("3600s", "7200s"),
            "does not apply to http.conf: expected the line 'timeout 3600s;'",
        ),
        (
            PATCH,
            BASE + BASE,
            "does not apply to http.conf: expected its lines once, found them at lines 3 and 9",
        ),
        (
            PATCH,
            BASE.replace("}", "    x;\n}"),
            "does not apply to http.conf: expected 4 lines in a row from ''",
        ),
        (PATCH.replace("--- ", "-- "), BASE, "line 1: expected a header"),
        (PATCH.replace("@@ -3", "@ -3"), BASE, "line 3: expected the head of a hunk"),
        (PATCH.replace("-3,4", "-3,5"), BASE, "hunk 1: expected 5 old lines, as its head says, got 4"),
        (PATCH.replace(" }", "}"), BASE, "line 7: expected a line that begins with a space, + or -, got '}'"),
    ],
)
def test_patch_that_does_not_fit_is_refused_with_the_reason(patch, base, message):
    with pytest.raises(PatchError) as raised:
        read_patch(patch).apply(base)
    assert message in str(raised.value)


@pytest.fixture
def nginx(tmp_path, monkeypatch):
    """A folder of recipes for `make broken`, with one config and one broken example."""
    folder = tmp_path / "nginx"
    (folder / "broken").mkdir(parents=True)
    (folder / "recipe.toml").write_text(GOOD)
    (folder / "http.conf").write_text(BASE)
    (folder / "https.conf").write_text(BASE.replace("80", "443"))
    (folder / "broken" / "idle-timeout.patch").write_text(PATCH.replace("x.conf", "idle-timeout.conf"))
    monkeypatch.setattr(broken, "COPIES", tmp_path / "copies")
    monkeypatch.setattr(broken, "recipes", lambda: recipes(tmp_path))
    return folder


def test_new_example_is_a_copy_and_then_a_patch(nginx):
    copy = broken.COPIES / "nginx" / "backend-down.conf"
    assert "Then run: make broken NAME=nginx/backend-down BASE=https.conf" in broken.step(
        "nginx/backend-down", "https.conf"
    )
    with pytest.raises(LabError, match="make one mistake in it"):
        broken.step("nginx/backend-down", "https.conf")
    copy.write_text(copy.read_text().replace("443", "444"))
    printed = broken.step("nginx/backend-down", "https.conf")
    patch = (nginx / "broken" / "backend-down.patch").read_text()
    assert patch.splitlines()[:2] == ["--- https.conf", "+++ broken/backend-down.conf"]
    assert patch in printed
    assert not copy.exists()


def test_an_example_is_edited_with_its_mistake_in_place(nginx):
    broken.step("nginx/idle-timeout")
    copy = broken.COPIES / "nginx" / "idle-timeout.conf"
    assert copy.read_text() == read_patch(PATCH).apply(BASE)
    copy.write_text(BASE.replace("3600s", "60s"))
    broken.step("nginx/idle-timeout")
    (recipe,) = recipes(nginx.parent).values()
    assert recipe.text(recipe.variant("idle-timeout")) == BASE.replace("3600s", "60s")


def test_patch_that_no_longer_fits_names_the_command(nginx):
    (nginx / "http.conf").write_text(BASE.replace("3600s", "7200s"))
    (recipe,) = recipes(nginx.parent).values()
    with pytest.raises(LabError) as raised:
        recipe.text(recipe.variant("idle-timeout"))
    expected = (
        "nginx/broken/idle-timeout.patch: hunk 1 does not apply to http.conf: expected the line 'timeout 3600s;', which"
        " is not there; to write it again, run: make broken NAME=nginx/idle-timeout"
    )
    assert str(raised.value) == expected
    assert expected in broken.step("nginx/idle-timeout")


@pytest.mark.parametrize("wrong", ["garbage\n", PATCH.replace("http.conf", "gone.conf")])
def test_unreadable_patch_is_written_again(wrong, nginx):
    patch = nginx / "broken" / "idle-timeout.patch"
    patch.write_text(wrong)
    assert f"Make its mistake again. The patch:\n\n{wrong}" in broken.step("nginx/idle-timeout")
    copy = broken.COPIES / "nginx" / "idle-timeout.conf"
    copy.write_text(BASE.replace("3600s", "60s"))
    broken.step("nginx/idle-timeout")
    assert patch.read_text().startswith("--- http.conf\n+++ broken/idle-timeout.conf\n")


def test_an_example_can_move_to_another_config(nginx):
    command = "make broken NAME=nginx/idle-timeout BASE=https.conf"
    assert f"Then run: {command}\n" in broken.step("nginx/idle-timeout", "https.conf")
    copy = broken.COPIES / "nginx" / "idle-timeout.conf"
    copy.write_text(copy.read_text().replace("443", "444"))
    broken.step("nginx/idle-timeout", "https.conf")
    assert (nginx / "broken" / "idle-timeout.patch").read_text().startswith("--- https.conf\n")


@pytest.mark.usefixtures("nginx")
def test_an_unreadable_copy_is_kept_and_reported(capsys):
    broken.step("nginx/idle-timeout")
    copy = broken.COPIES / "nginx" / "idle-timeout.conf"
    copy.write_bytes(b"\xe9\n")
    assert broken.main(["nginx/idle-timeout"]) == 2
    assert capsys.readouterr().err == (
        "broken: expected UTF-8 text in the copy, its config and its patch, got b'\\xe9'\n"
    )
    assert copy.read_bytes() == b"\xe9\n"


@pytest.mark.usefixtures("nginx")
def test_a_folder_in_place_of_the_copy_is_reported(capsys):
    broken.step("nginx/idle-timeout")
    copy = broken.COPIES / "nginx" / "idle-timeout.conf"
    copy.unlink()
    copy.mkdir()
    assert broken.main(["nginx/idle-timeout"]) == 2
    assert capsys.readouterr().err == f"broken: {copy}: is a directory\n"


def test_copy_of_an_older_config_is_refused(nginx):
    broken.step("nginx/idle-timeout")
    (nginx / "http.conf").write_text(BASE.replace("80", "8080"))
    with pytest.raises(LabError, match=r"is not the file that .* is a copy of: move your copy away"):
        broken.step("nginx/idle-timeout")


@pytest.mark.parametrize(
    ("name", "base", "message"),
    [
        ("", "", "expected NAME=<proxy>/<cause>, such as NAME=nginx/idle-timeout; got no NAME"),
        ("nginx", "", "expected NAME=<proxy>/<cause>, such as NAME=nginx/idle-timeout; got nginx"),
        ("ngin/x", "", "there is no recipe 'ngin'; expected one of: nginx"),
        ("nginx/Idle Timeout", "", "expected the id of a cause, such as idle-timeout; got Idle Timeout"),
        ("nginx/x", "tls.conf", "BASE: expected one of http.conf, https.conf; got tls.conf"),
    ],
)
@pytest.mark.usefixtures("nginx")
def test_a_wrong_name_is_answered_with_what_was_expected(name, base, message, capsys):
    assert broken.main([name, "--base", base]) == 2
    assert re.fullmatch(re.escape(f"broken: {message}") + "\n", capsys.readouterr().err)
