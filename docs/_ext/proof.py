"""Show on the pages what checks/proof.json says held, and on what.

``{proven}`claim-id` `` ends a sentence that a test holds. ``{last-ran} nginx/http.conf`` says below a config
where it ran as printed; ``{lines} nginx/http.conf`` lists what goes wrong without each of its lines;
``{claims}`` lists every claim, ``{survival}`` what every config must survive, ``{matrix}`` what held where,
``{verdicts}`` what diagnose said of each cause, ``{recipes}`` the pages of the proxies.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

CHECKS = Path(__file__).resolve().parents[2] / "checks"
PROOF = CHECKS / "proof.json"
PAGE = "reference/proofs"
log = logging.getLogger(__name__)


def record() -> dict[str, Any]:
    """Return what the last proof wrote; empty before the first one."""
    empty: dict[str, Any] = {"proven": "", "survival": [], "configs": {}, "claims": {}}
    return json.loads(PROOF.read_text()) if PROOF.exists() else empty


def declared() -> dict[str, dict[str, Any]]:
    """Return what each recipe declares, by the name of its folder."""
    return {path.parent.name: tomllib.loads(path.read_text()) for path in sorted(CHECKS.glob("recipes/*/recipe.toml"))}


def joined(versions: Sequence[str]) -> str:
    """Return `nginx 1.22.1 and 1.31.3; Chromium 156`: of a browser, what people call its version."""
    titles = {recipe["program"]: recipe["title"] for recipe in declared().values()}
    grouped: dict[str, list[str]] = {}
    for version in versions:
        program, _, number = version.partition(" ")
        grouped.setdefault(program, []).append(number.split(".")[0] if program == "Chromium" else number)
    return "; ".join(f"{titles.get(program, program)} {listed(numbers)}" for program, numbers in grouped.items())


def listed(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


class Proven(SphinxRole):
    """A mark at the end of a sentence: what it last held on."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the mark, or a warning that tells the writer what is missing."""
        self.env.note_dependency(str(PROOF))
        claim = record()["claims"].get(self.text)
        if not claim:
            log.warning(
                "no test has held the claim %r: mark the test that does with @pytest.mark.proves(%r), run `make prove`",
                self.text,
                self.text,
                location=self.get_location(),
            )
            return [], []
        held = joined(claim["on"])
        uri = self.env.app.builder.get_relative_uri(self.env.docname, PAGE) + f"#{self.text}"
        mark = nodes.reference("", f"proven{f' on {held}' if held else ''}", refuri=uri, internal=True)
        mark["classes"].append("proof")
        return [nodes.Text(" "), mark], []


class Proof(SphinxDirective):
    """What the directives below share: the record of one config."""

    required_arguments = 1

    def config(self) -> dict[str, Any]:
        """Return the record of the named config; a warning when it is not the one that was proven."""
        self.env.note_dependency(str(PROOF))
        name = self.arguments[0]
        path = CHECKS / "recipes" / name
        self.env.note_dependency(str(path))
        found: dict[str, Any] = record()["configs"].get(name, {"on": [], "lines": {}, "sha256": ""})
        if not path.is_file():
            log.warning("there is no checks/recipes/%s", name, location=self.get_location())
        elif found["sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
            log.warning(
                "checks/recipes/%s is not the file that was proven: run `make prove`, and commit checks/proof.json",
                name,
                location=self.get_location(),
            )
        return found


class LastRan(Proof):
    """One line below a config: on what it ran as printed."""

    def run(self) -> list[nodes.Node]:
        """Return the line."""
        held, line = self.config(), nodes.paragraph(classes=["proof"])
        line += nodes.Text(f"Ran as printed on {joined(held['on'])}, {record()['proven']}. ")
        uri = self.env.app.builder.get_relative_uri(self.env.docname, PAGE)
        line += nodes.reference("", "How it is proven", refuri=uri, internal=True)
        return [line]


class Lines(Proof):
    """A table: each line of a config, and the first check that goes red without it."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = []
        for line, check in self.config()["lines"].items():
            number, _, text = line.partition(": ")
            rows.append([nodes.Text(number), nodes.literal(text, text), nodes.Text(check)])
        return [table(["Line", "Directive", "Not true without it"], rows)]


class Claims(SphinxDirective):
    """A table of every claim, each with an id to link to."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_dependency(str(PROOF))
        rows = []
        for name, claim in record()["claims"].items():
            path, _, test = claim["test"].partition("::")
            sentence = test.removeprefix("test_").replace("_", " ")
            anchor = nodes.inline("", sentence[0].upper() + sentence[1:], ids=[name])
            rows.append([anchor, nodes.Text(joined(claim["on"]) or "the stand-in"), nodes.literal(path, path)])
        return [table(["What holds", "On", "Test"], rows)]


class Recipes(SphinxDirective):
    """A table of the proxies that have a page: for which schemes, on which versions."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_dependency(str(PROOF))
        rows = []
        for name, recipe in declared().items():
            self.env.note_dependency(str(CHECKS / "recipes" / name / "recipe.toml"))
            page = f"installation/custom/reverse-proxy/{name}"
            if page not in self.env.found_docs:
                continue
            uri = self.env.app.builder.get_relative_uri(self.env.docname, page)
            configs = configs_of(name)
            schemes = sorted({"HTTPS" if "/https" in config else "HTTP" for config in configs})
            ran = sorted({build for held in configs.values() for build in held["on"]}, key=by_version)
            link = nodes.reference("", recipe["title"], refuri=uri, internal=True)
            rows.append([link, nodes.Text(" and ".join(schemes)), nodes.Text(joined(ran))])
        return [table(["Proxy", "For", "Ran on"], rows)]


class Matrix(SphinxDirective):
    """A table: each config, on which versions how many of the checks held; below it what was exempt, and why."""

    def run(self) -> list[nodes.Node]:
        """Return the table, the count of lines, and the list of exemptions."""
        self.env.note_dependency(str(PROOF))
        configs = {name: config for name, config in record()["configs"].items() if "/broken/" not in name}
        rows, exempt = [], {}
        for name, config in configs.items():
            held = ", ".join(f"{count} on {build.partition(' ')[2]}" for build, count in config.get("held", {}).items())
            lines = str(len(config["lines"]))
            rows.append([nodes.literal(name, name), nodes.Text(held or "with the others"), nodes.Text(lines)])
            for reason, builds in config.get("exempt", {}).items():
                exempt.setdefault((reason, joined(builds)), []).append(name)
        titles = [title for config in configs.values() for title in config["lines"].values()]
        kept = sum(title.startswith("nothing") for title in titles)
        broken = len(record()["configs"]) - len(configs)
        said = (
            f"{len(titles)} lines were taken out alone; {len(titles) - kept} were missed by a check,"
            f" {kept} stay for a reason that stands beside them. {broken} broken copies gave exactly their finding."
        )
        head = ["Config", "Checks held", "Lines taken out alone"]
        return [table(head, rows), nodes.paragraph("", said), *exemptions(exempt)]


def exemptions(found: dict[tuple[str, str], list[str]]) -> list[nodes.Node]:
    """Return a list of what does not hold, from the names of configs by (reason, versions)."""
    items = nodes.bullet_list()
    for (reason, on), names in found.items():
        text = f"{reason} ({on}: {listed([name.partition('/')[2] for name in names])})"
        items += nodes.list_item("", nodes.paragraph("", text))
    return [nodes.paragraph("", "What does not hold, and why:"), items] if found else []


def configs_of(recipe: str) -> dict[str, Any]:
    """Return what the record holds of the configs of one recipe, without its broken copies."""
    configs: dict[str, Any] = record()["configs"]
    return {
        name: config for name, config in configs.items() if name.startswith(f"{recipe}/http") and "/broken/" not in name
    }


def by_version(name: str) -> list[int | str]:
    """Return a key that sorts `nginx 1.9` before `nginx 1.10`."""
    return [int(part) if part.isdigit() else part for part in name.replace(".", " ").split()]


class Verdicts(SphinxDirective):
    """A table: each cause, in how many cases it was there, and what diagnose said."""

    KINDS = {  # noqa: RUF012  # constant
        "proxy": "a proxy",
        "chain": "a proxy behind another",
        "forward": "a company's proxy",
        "peer": "a scripted server",
    }

    def run(self) -> list[nodes.Node]:
        """Return the table, and the sums."""
        self.env.note_dependency(str(PROOF))
        rows, sums = [], dict.fromkeys(("named", "undecided", "wrong"), 0)
        for truth, kinds in record().get("verdicts", {}).items():
            counts = {said: sum(sum(found.get(said, {}).values()) for found in kinds.values()) for said in sums}
            sums = {said: sums[said] + counts[said] for said in sums}
            cases = {kind: sum(sum(on.values()) for on in found.values()) for kind, found in kinds.items()}
            seen = "; ".join(f"{what}: {cases[kind]}" for kind, what in self.KINDS.items() if kind in cases)
            rows.append([nodes.literal(truth, truth), *map(nodes.Text, (seen, *map(str, counts.values())))])
        said = (
            f"{sum(sums.values())} cases: {sums['named']} named, {sums['undecided']} said to be undecided,"
            f" {sums['wrong']} given a wrong name."
        )
        head = ["What is wrong", "Cases", "Named", "Undecided", "Wrong name"]
        return [table(head, rows), nodes.paragraph("", said)]


class Survival(SphinxDirective):
    """The list of what every config must survive."""

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
    """A table: what each proxy costs, as `python -m checks bench --write` measured it."""

    def run(self) -> list[nodes.Node]:
        """Return the table, and how it was measured."""
        path = CHECKS / "costs.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            log.warning("nothing was measured yet: run `python -m checks bench --write`", location=self.get_location())
            return []
        measured = json.loads(path.read_text())
        rows = []
        for cost in measured["costs"].values():
            times = [f"{cost[name]:.1f} x" for name in ("handshake", "trip")]
            rates = [f"{cost[name]:.2f} x" for name in ("one", "many")]
            rows.append([nodes.Text(text) for text in (cost["proxy"], *times, *rates)])
        head = ["Proxy", "Time to open", "Time there and back", "Rate, 1 socket", "Rate, 200 sockets"]
        how = nodes.Text(
            f"Each is the median of {measured['rounds']} rounds on {measured['cores']} cores, measured by "
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
    return {"parallel_read_safe": True, "parallel_write_safe": True}
