"""Test the rules of the voice, the positions of findings, and exemptions."""

import re
import textwrap
from collections import Counter

import pytest

from . import check as checks
from .__main__ import main
from .check import check, files_of, root_of
from .rules import RULES, Exemption, general_hits, load
from .texts import Text, comments_of, masked, page_texts, python_texts, texts_of

pytestmark = pytest.mark.quick


def hits(rule, kind, text):
    return list(rule.hits(Text(kind, masked(text), 1)))


@pytest.mark.parametrize("rule", load()[0], ids=lambda rule: rule.id)
def test_each_rule_finds_its_bad_examples_only(rule):
    for kind in rule.kinds if len(rule.kinds) == 1 else {*rule.kinds} - {"name", "subject"}:
        assert [text for text in rule.bad if not hits(rule, kind, text)] == [], f"expected a hit in a {kind}"
        assert [text for text in rule.good if hits(rule, kind, text)] == [], f"expected no hit in a {kind}"


def test_every_rule_has_a_unique_id_and_both_examples():
    rules = load()[0]
    assert len({rule.id for rule in rules}) == len(rules)
    assert [rule.id for rule in rules if not (rule.bad and rule.good)] == []
    assert [rule.id for rule in rules if bool(rule.pattern) == bool(rule.check)] == [], "either words or a check"


def test_what_one_rule_recommends_no_other_rule_bans():
    rules = [rule for rule in load()[0] if not rule.check]
    banned = [
        f"{other.id} bans {text!r}, which {rule.id} recommends"
        for rule in rules
        for text in rule.good
        for other in rules
        if hits(other, rule.kinds[0], text)
    ]
    assert banned == []


# In both, each "whoever" that people read has a number, and is the first one on its line or shares it with the next.
PAGE = """\
---
myst:
  html_meta:
    description: Whoever 1.
---

# Whoever 2

A line.
Whoever 3, `whoever`, “whoever”, [whoever](whoever.md) and {kbd}`whoever`. {proven}`whoever`
![whoever 4](whoever.png)

| Whoever 5 | b |
|---|---|
| a | whoever 6 |

whoever 7
: whoever 8

- one
- whoever 9

```console
$ whoever
```

```{literalinclude} whoever.conf
```

::::{grid}
:gutter: wide

:::{grid-item-card} Whoever 10
:link: whoever

A line.
Whoever 11.
:::
::::

```{figure} whoever.png
:alt: Whoever 12

Whoever 13.
```

> whoever

<div class="whoever"></div>
% whoever
"""

MODULE = '''\
"""Docstring 1: whoever.

Whoever 2.
"""

NAME = ()
"""Docstring 3: whoever."""

TEXTS = {"whoever is a key": "and whoever 4 is what people read"}


def f(value, parser):
    """Return 5 for whoever."""  # whoever 5
    # One line,
    # and whoever 6.
    print(f"a long message for {value}"
          f" and whoever 7")
    if value == "whoever is only compared with":
        raise ValueError(f"expected 8, got {value} of whoever")
    parser.add_argument("--whoever", help="read by whoever 9")
    return re.sub("whoever is a pattern here", "", value) + "`whoever` is code, as in these words"
'''


def lines_of_whoever(texts):
    """Return the lines with findings, and how many each kind of text has."""
    rule = next(rule for rule in load()[0] if rule.id == "whoever")
    found = [(text.line_at(hit.position), text.kind) for text in texts for hit in rule.hits(text)]
    return sorted({line for line, _ in found}), Counter(kind for _, kind in found)


def numbered(source):
    return [
        number for number, line in enumerate(source.splitlines(), 1) if re.search(r"(?i)whoever.* \d|\d.*whoever", line)
    ]


def test_prose_of_a_page_is_found_on_its_line():
    lines, kinds = lines_of_whoever(page_texts(PAGE))
    assert lines == numbered(PAGE)
    assert kinds == {"page": 12, "heading": 2}


def test_texts_of_a_module_are_found_on_their_lines():
    lines, kinds = lines_of_whoever(python_texts(MODULE))
    assert lines == numbered(MODULE)
    assert kinds == {"docstring": 3, "comment": 3, "message": 3, "error": 1}


def test_in_tests_only_messages_and_names_are_prose():
    module = """\
        def test_a():
            browser = "whoever reads this line of a browser"
            assert browser, "expected a line for whoever"
        """
    texts = {text.kind: text.text for text in python_texts(textwrap.dedent(module), in_tests=True)}
    assert texts == {"name": "test_a", "message": "expected a line for whoever"}


def test_data_is_read_below_the_keys_that_people_read(tmp_path):
    (tmp_path / "recipe.toml").write_text('start = "whoever"\n[blanks]\n"80" = { means = "the port", lab = "x" }\n')
    texts = list(texts_of(tmp_path / "recipe.toml", "checks/recipes/nginx/recipe.toml"))
    assert [(text.kind, text.text, text.line) for text in texts] == [("message", "the port", 3)]


def test_general_mistakes_of_english_are_found():
    texts = [Text("page", "Restart the", 1), Text("page", "the the proxy\nat this point in time.", 3)]
    found = [(texts[index].line_at(hit.position), hit.found) for index, _, hit in general_hits(texts)]
    assert (3, '"the the"') in found
    assert (4, '"at this point in time"') in found
    assert not [line for line, _ in found if line == 1]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a checkout with one page, and a function that sets its exemptions."""
    (tmp_path / "Makefile").touch()
    (tmp_path / "page.md").write_text("# Title\n\nWhoever reads it.\n")
    rules = load()[0]
    monkeypatch.setattr(checks, "load", lambda: (rules, tuple(exemptions)))
    exemptions = []
    return tmp_path / "page.md", exemptions


def test_the_command_prints_file_line_and_what_to_write(checkout, capsys):
    page, _ = checkout
    assert main([str(page)]) == 1
    assert capsys.readouterr().out == 'page.md:3: "Whoever" -> "anyone who", "a client that" (voice: whoever)\n'


def test_the_subject_of_a_commit_is_checked(tmp_path, capsys):
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text("lab: start the proxy again\n\nWhoever reads this.\n")
    assert main(["--commit", str(message)]) == 0
    message.write_text("lab: tell whoever waits\n")
    assert main(["--commit", str(message)]) == 1
    assert capsys.readouterr().out == 'subject:1: "whoever" -> "anyone who", "a client that" (voice: whoever)\n'


def test_comments_of_a_config_are_found_on_their_lines():
    source = "a = 1  # whoever 1\n# Two lines,\n# whoever 2\n\nb: ## whoever\nhelp:  ## whoever 3\n"
    lines, kinds = lines_of_whoever(comments_of(source))
    assert (lines, kinds) == (numbered(source), {"comment": 3})


def test_an_exempt_finding_is_not_reported(checkout):
    page, exemptions = checkout
    exemptions.append(Exemption("page.md", "whoever", "Whoever", "a quotation"))
    assert check([page], page.parent) == []


def test_an_exemption_that_nothing_needs_is_reported(checkout):
    page, exemptions = checkout
    page.write_text("# Title\n\nAnyone reads it.\n")
    exemptions.append(Exemption("page.md", "whoever", "Whoever", "a quotation"))
    expected = "rules.toml: page.md: nothing there needs the exemption from whoever: delete it"
    assert check([page], page.parent) == [expected]


def test_exemptions_are_sorted_and_their_files_exist():
    exemptions = list(load()[1])
    assert exemptions == sorted(exemptions)
    assert [exemption.file for exemption in exemptions if not (root_of() / exemption.file).exists()] == []
    assert [exemption.text for exemption in exemptions if not exemption.because] == []


def test_the_check_reads_well_itself():
    own = [path for path in files_of() if path.parent == RULES.parent]
    assert check(own, root_of()) == []


def test_every_file_follows_the_rules():
    found = check(files_of(), root_of())
    assert not found, "\n".join([f"{len(found)} findings; the rules are in tests/voice/rules.toml:", *found])
