"""Show on the pages what was tested on which versions, from checks/proof.json.

``{proven}`claim-id` `` ends a sentence that a test holds. Each paragraph with such sentences ends with one mark,
which opens the list of the claims and their tested versions. It needs no JavaScript.
``{last-ran} nginx/http.conf`` names the versions that a config was tested on.
``{lines} nginx/http.conf`` lists the check that fails without each line of a config.
``{claims}`` lists every claim, ``{survival}`` the conformance checks, and ``{matrix}`` their results for each config.
``{verdicts}`` counts the verdicts of diagnose for each cause, and ``{recipes}`` lists the pages of the proxies.
``{costs}`` shows what each proxy costs, from checks/costs.json.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import itertools
import json
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from checks.lab.recipe import recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

CHECKS = Path(__file__).resolve().parents[2] / "checks"
PROOF = CHECKS / "proof.json"
PAGE = "reference/proofs"
log = logging.getLogger(__name__)


def record() -> dict[str, Any]:
    """Return the record of the last `make prove`, or an empty one."""
    empty: dict[str, Any] = {"proven": "", "survival": [], "configs": {}, "claims": {}}
    return json.loads(PROOF.read_text()) if PROOF.exists() else empty


def joined(versions: Sequence[str]) -> str:
    """Return versions as `nginx 1.22.1 and 1.31.3; Chromium 156`."""
    titles = titles_of_programs()
    grouped: dict[str, list[str]] = {}
    for version in versions:
        program, _, number = version.partition(" ")
        grouped.setdefault(program, []).append(number.split(".")[0] if program == "Chromium" else number)
    return "; ".join(f"{titles.get(program, program)} {listed(numbers)}" for program, numbers in grouped.items())


@functools.cache
def titles_of_programs() -> dict[str, str]:
    """Return what people call each proxy, by the name of its program."""
    return {recipe.program: recipe.title for recipe in recipes().values()}


def listed(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


class Proven(SphinxRole):
    """A claim: the paragraph around it gets a mark at its end."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the claim as an empty node; log a warning if no test holds it."""
        self.env.note_dependency(str(PROOF))
        if self.text not in record()["claims"]:
            log.warning(
                "no test holds the claim %r: mark its test with @pytest.mark.proves(%r), and run `make prove`",
                self.text,
                self.text,
                location=self.get_location(),
            )
            return [], []
        return [nodes.inline(classes=["proof", self.text])], []


def is_claim(node: nodes.Node | None) -> bool:
    """Tell whether this is the empty node of a claim."""
    return isinstance(node, nodes.inline) and node["classes"][:1] == ["proof"]


def gather(_app: Sphinx, doctree: nodes.document) -> None:
    """Join the claims of each paragraph, and put them at its end."""
    for claim in filter(is_claim, list(doctree.findall(nodes.inline))):
        before, block = claim.previous_sibling(), claim.parent
        claim.parent.remove(claim)
        if isinstance(before, nodes.Text):
            before.parent.replace(before, nodes.Text(before.rstrip(" ")))
        while isinstance(block, nodes.Inline):
            block = block.parent
        last = block[-1] if len(block) else None
        if is_claim(last):
            last["classes"] += claim["classes"][1:]
        else:
            block += claim


def write_marks(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: nodes.document | None
) -> None:
    """Write the marks: a button, and the popover that it opens."""
    claims = record()["claims"]
    proofs = app.builder.get_relative_uri(page, PAGE) if "body" in context else ""

    def written(found: re.Match[str]) -> str:
        rows = "".join(
            f'<span><a href="{proofs}#{name}">{_with_code(title(claims[name]["test"]))}</a>'
            f" {escape(joined(claims[name]['on'])) or 'the stand-in'}</span>"
            for name in found[1].split()
        )
        name = f"proof-{next(numbers)}"
        return (
            f'&nbsp;<button class="proof" type="button" popovertarget="{name}" aria-label="Tested">✓</button>'
            f'<span class="proofs" id="{name}" popover>{rows}</span>'
        )

    numbers = itertools.count(1)
    context["body"] = re.sub(r'\s*<span class="proof ([^"]*)"></span>', written, context.get("body", ""))


def title(test: str) -> str:
    """Return the first line of the docstring of a test, without its full stop, or ""."""
    path, _, name = test.partition("::")
    return _titles(path).get(name, "")


@functools.cache
def _titles(path: str) -> dict[str, str]:
    """Return the titles of the tests in a file, by name."""
    functions = ast.parse((CHECKS.parent / path).read_text(encoding="utf-8")).body
    texts = {each.name: ast.get_docstring(each) for each in functions if isinstance(each, ast.FunctionDef)}
    return {name: text.splitlines()[0].removesuffix(".") for name, text in texts.items() if text}


def _with_code(text: str) -> str:
    """Return HTML with a code element for each part between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


class Proof(SphinxDirective):
    """Base of the directives below: the record of one config."""

    required_arguments = 1

    def config(self) -> dict[str, Any]:
        """Return the record of the config; log a warning if the config has changed since."""
        self.env.note_dependency(str(PROOF))
        name = self.arguments[0]
        path = CHECKS / "recipes" / name
        self.env.note_dependency(str(path))
        found: dict[str, Any] = record()["configs"].get(name, {"on": [], "lines": {}, "sha256": ""})
        if not path.is_file():
            log.warning("checks/recipes/%s does not exist", name, location=self.get_location())
        elif found["sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
            log.warning(
                "checks/recipes/%s has changed since it was proven: run `make prove`, and commit checks/proof.json",
                name,
                location=self.get_location(),
            )
        return found


class LastRan(Proof):
    """One line below a config: the versions it was tested on."""

    def run(self) -> list[nodes.Node]:
        """Return the line."""
        held, line = self.config(), nodes.paragraph(classes=["proof"])
        line += nodes.Text(f"Tested exactly as shown on {joined(held['on'])}, {record()['proven']}. ")
        uri = self.env.app.builder.get_relative_uri(self.env.docname, PAGE)
        line += nodes.reference("", "How we test", refuri=uri, internal=True)
        return [line]


class Lines(Proof):
    """A table: each line of a config, and the first check that fails without it."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = []
        for line, check in self.config()["lines"].items():
            number, _, text = line.partition(": ")
            rows.append([nodes.Text(number), nodes.literal(text, text), nodes.Text(check)])
        return [table(["Number", "Line", "Fails without it"], rows)]


class Claims(SphinxDirective):
    """A table of every claim, each with an id to link to."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_dependency(str(PROOF))
        rows = []
        for name, claim in record()["claims"].items():
            path = claim["test"].partition("::")[0]
            parts = enumerate(title(claim["test"]).split("`"))
            anchor = nodes.inline("", "", ids=[name])
            anchor += [nodes.literal("", part) if number % 2 else nodes.Text(part) for number, part in parts if part]
            rows.append([anchor, nodes.Text(joined(claim["on"]) or "the stand-in"), nodes.literal(path, path)])
        return [table(["Claim", "Tested on", "Test"], rows)]


class Recipes(SphinxDirective):
    """A table of the proxies that have a page: schemes and tested versions."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_dependency(str(PROOF))
        rows = []
        for name, recipe in recipes().items():
            self.env.note_dependency(str(CHECKS / "recipes" / name / "recipe.toml"))
            page = f"installation/custom/reverse-proxy/{name}"
            if page not in self.env.found_docs:
                continue
            uri = self.env.app.builder.get_relative_uri(self.env.docname, page)
            configs = configs_of(name)
            schemes = sorted({"HTTPS" if "/https" in config else "HTTP" for config in configs})
            ran = sorted({build for held in configs.values() for build in held["on"]}, key=by_version)
            link = nodes.reference("", recipe.title, refuri=uri, internal=True)
            rows.append([link, nodes.Text(" and ".join(schemes)), nodes.Text(joined(ran))])
        return [table(["Proxy", "Configs for", "Tested on"], rows)]


class Matrix(SphinxDirective):
    """A table of the checks that each config passed, and the exceptions."""

    def run(self) -> list[nodes.Node]:
        """Return the table, the count of lines, and the list of exceptions."""
        self.env.note_dependency(str(PROOF))
        configs = {name: config for name, config in record()["configs"].items() if "/broken/" not in name}
        rows, exempt = [], {}
        for name, config in configs.items():
            held = ", ".join(f"{count} on {build.partition(' ')[2]}" for build, count in config.get("held", {}).items())
            lines = str(len(config["lines"]))
            rows.append([nodes.literal(name, name), nodes.Text(held or "with the other files"), nodes.Text(lines)])
            for reason, builds in config.get("exempt", {}).items():
                exempt.setdefault((reason, joined(builds)), []).append(name)
        titles = [title for config in configs.values() for title in config["lines"].values()]
        kept = sum(title.startswith("nothing") for title in titles)
        broken = len(record()["configs"]) - len(configs)
        summary = (
            f"We removed {len(titles)} lines, one at a time. Without {len(titles) - kept} of them, a check failed."
            f" The other {kept} have a reason, which the page of the proxy gives."
            f" For {broken} broken examples, diagnose named exactly their cause."
        )
        head = ["Config", "Checks passed", "Lines removed, one at a time"]
        return [table(head, rows), nodes.paragraph("", summary), *exemptions(exempt)]


def exemptions(found: dict[tuple[str, str], list[str]]) -> list[nodes.Node]:
    """Return a list of exceptions, from the names of configs by (reason, versions)."""
    items = nodes.bullet_list()
    for (reason, on), names in found.items():
        text = f"{reason} ({on}: {listed([name.partition('/')[2] for name in names])})"
        items += nodes.list_item("", nodes.paragraph("", text))
    return [nodes.paragraph("", "Exceptions, with their reasons:"), items] if found else []


def configs_of(recipe: str) -> dict[str, Any]:
    """Return the records of the configs of one recipe, without its broken variants."""
    configs: dict[str, Any] = record()["configs"]
    return {
        name: config for name, config in configs.items() if name.startswith(f"{recipe}/http") and "/broken/" not in name
    }


def by_version(name: str) -> list[int | str]:
    """Return a key that sorts `nginx 1.9` before `nginx 1.10`."""
    return [int(part) if part.isdigit() else part for part in name.replace(".", " ").split()]


class Verdicts(SphinxDirective):
    """A table: each cause, its cases, and the verdicts of diagnose."""

    KINDS = {  # noqa: RUF012  # constant
        "proxy": "a proxy",
        "chain": "a proxy behind another",
        "forward": "a forward proxy",
        "peer": "a scripted server",
    }

    def run(self) -> list[nodes.Node]:
        """Return the table, and the sums."""
        self.env.note_dependency(str(PROOF))
        rows, sums = [], dict.fromkeys(("named", "undecided", "wrong"), 0)
        for truth, kinds in record().get("verdicts", {}).items():
            counts = {name: sum(sum(found.get(name, {}).values()) for found in kinds.values()) for name in sums}
            sums = {name: sums[name] + counts[name] for name in sums}
            cases = {kind: sum(sum(on.values()) for on in found.values()) for kind, found in kinds.items()}
            listed_cases = "; ".join(f"{what}: {cases[kind]}" for kind, what in self.KINDS.items() if kind in cases)
            rows.append([self.cause(truth), *map(nodes.Text, (listed_cases, *map(str, counts.values())))])
        summary = (
            f"{sum(sums.values())} cases: {sums['named']} named, {sums['undecided']} undecided, and"
            f" {sums['wrong']} given a wrong name."
        )
        head = ["Cause", "Cases", "Named", "Undecided", "Wrong name"]
        return [table(head, rows), nodes.paragraph("", summary)]

    def cause(self, truth: str) -> nodes.Node:
        """Return the title of the page of a cause, as a link, with its id."""
        page = f"findings/{truth}"
        if page not in self.env.found_docs:
            return nodes.Text(truth.capitalize())
        path = self.env.doc2path(page)
        self.env.note_dependency(path)
        title = Path(path).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        uri = self.env.app.builder.get_relative_uri(self.env.docname, page)
        link = nodes.reference("", title, refuri=uri, internal=True)
        return nodes.inline("", "", link, nodes.Text(" "), nodes.literal(truth, truth))


class Survival(SphinxDirective):
    """The list of the conformance checks."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        self.env.note_dependency(str(PROOF))
        items = [nodes.list_item("", nodes.paragraph("", check)) for check in record()["survival"]]
        return [nodes.bullet_list("", *items)]


def table(head: list[str], rows: list[list[nodes.Node]]) -> nodes.table:
    """Return a plain table."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", table_row([nodes.Text(cell) for cell in head]))
    group += nodes.tbody("", *map(table_row, rows))
    return nodes.table("", group)


def table_row(cells: Sequence[nodes.Node]) -> nodes.row:
    """Return one row of a table."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


class Costs(SphinxDirective):
    """A table: what each proxy costs, measured by `python -m checks bench --write`."""

    def run(self) -> list[nodes.Node]:
        """Return the table, and a sentence about the measurement."""
        path = CHECKS / "costs.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            log.warning("no checks/costs.json: run `python -m checks bench --write`", location=self.get_location())
            return []
        measured = json.loads(path.read_text())
        rows = []
        for cost in measured["costs"].values():
            times = [f"{cost[name]:.1f} x" for name in ("handshake", "round_trip")]
            rates = [f"{cost[name]:.2f} x" for name in ("rate_one", "rate_many")]
            rows.append([nodes.Text(text) for text in (cost["proxy"], *times, *rates)])
        head = ["Proxy", "Time to open", "Round-trip time", "Rate, 1 connection", "Rate, 200 connections"]
        how = nodes.Text(
            f"Each value is the median of {measured['rounds']} rounds on {measured['cores']} cores, measured by "
        )
        command = nodes.literal("", "python -m checks bench")
        return [table(head, rows), nodes.paragraph("", "", how, command, nodes.Text("."))]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_role("proven", Proven())
    app.add_directive("last-ran", LastRan)
    app.add_directive("lines", Lines)
    app.add_directive("claims", Claims)
    app.add_directive("survival", Survival)
    app.add_directive("matrix", Matrix)
    app.add_directive("costs", Costs)
    app.add_directive("recipes", Recipes)
    app.add_directive("verdicts", Verdicts)
    app.connect("doctree-read", gather)
    app.connect("html-page-context", write_marks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
