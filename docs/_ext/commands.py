"""Document the commands on the pages, from the commands themselves.

``{options} diagnose`` lists the options of a command, with `:beyond:` only those that another command does not have.
``{evidence}`` lists the fields of the evidence that --json and --save write.
``{download}`` links to websocket-doctor.pyz, with its SHA-256, if it was built.
``{doctor}`websocket-doctor.pyz` `` in a sentence is the same link.
``{confirm} --idle 130`` shows the command that confirms a fix, on the page of its cause.
``{diagnose-cost}`` shows what a healthy diagnose costs, ``{exporter-cost}`` what the exporter costs.
``{tools}`` shows what other tools print.
``{causes}`` lists the causes with what users see, and ``{causes} forward proxy`` those at one hop.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective, SphinxRole

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from checks import cli, findings  # noqa: E402
from checks.report.terminal import HOPS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

EVIDENCE = ROOT / "checks" / "evidence.py"
DIAGNOSE_COST = ROOT / "checks" / "bench_diagnose.json"
FINDINGS = ROOT / "docs" / "findings"
EXPORTER_COST = ROOT / "checks" / "bench_exporter.json"
TOOLS = ROOT / "checks" / "tools.json"
LONG_OPTIONS = 16
"""Options longer than this are on a line of their own, so that the block does not scroll."""
PACKED = ROOT / "_build" / "websocket-doctor.pyz"


class Written(SphinxDirective, ABC):
    """A part of a page that is generated as Markdown."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """Yield the lines of Markdown."""

    def run(self) -> list[nodes.Node]:
        """Return the nodes of these lines."""
        around = nodes.Element()
        self.state.nested_parse(StringList(list(self.lines()), self.get_source_info()[0]), self.content_offset, around)
        return around.children


class Options(Written):
    """The options of one command, in their groups."""

    required_arguments = 1
    option_spec = {"beyond": directives.unchanged_required}  # noqa: RUF012  # as docutils wants it

    def lines(self) -> Iterator[str]:
        """Yield a definition for each option."""
        for path in (ROOT / "checks" / "cli").glob("*.py"):
            self.env.note_dependency(str(path))
        _, parsers = cli.parsers(cli.commands())
        known = {"help"}
        if "beyond" in self.options:
            known |= {action.dest for action in parsers[self.options["beyond"]]._actions}  # noqa: SLF001
        for group in parsers[self.arguments[0]]._action_groups:  # noqa: SLF001  # argparse has no other way
            actions = [action for action in group._group_actions if action.dest not in known]  # noqa: SLF001
            own = group.title not in {"positional arguments", "options"}
            if actions and own:
                yield from (f"**{group.title.capitalize()}**", "")
            for action in actions:
                names = ", ".join(action.option_strings)
                value = action.metavar or ("" if action.nargs == 0 else action.dest)
                meaning = re.sub(r"(?<!\w)--\w+", r"`\g<0>`", action.help or "")
                yield from (f"`{f'{names} {value}'.strip()}`", f": {meaning}", "")


class Evidence(Written):
    """The records of evidence, with the docstring of each field."""

    def lines(self) -> Iterator[str]:
        """Yield a table for each record."""
        self.env.note_dependency(str(EVIDENCE))
        for record in ast.parse(EVIDENCE.read_text()).body:
            if not isinstance(record, ast.ClassDef):
                continue
            yield from (f"`{record.name}`", f": {self._flat(ast.get_docstring(record))}", "")
            yield from ("  | field | type | meaning |", "  |---|---|---|")
            for name, kind, meaning in self.fields(record):
                yield f"  | `{name}` | {kind} | {meaning} |"
            yield ""

    @classmethod
    def fields(cls, record: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
        """Yield name, type and meaning of each field."""
        for field, after in zip(record.body, [*record.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                meaning = cls._flat(after.value.value) if documented else ""
                yield field.target.id, cls._kind(ast.unparse(field.annotation)), meaning

    @staticmethod
    def _kind(annotation: str) -> str:
        """Return the JSON type for a Python type."""
        many = annotation.startswith("tuple[") or annotation == "Pairs"
        inner = annotation.removeprefix("tuple[").removesuffix("]").removesuffix(", ...")
        plain = {"str": "text", "int": "number", "float": "number", "bool": "true or false", "Pairs": "pairs of texts"}
        plain |= {"Variant": "text", "Stage": "text", "tuple[str, int": "pairs of text and number"}
        what = plain.get(inner, f"`{inner}`")
        return f"list: {what}" if many else what

    @staticmethod
    def _flat(text: Any) -> str:
        return " ".join((text or "").split()).replace("|", "\\|")


class Causes(Written):
    """The causes at one hop, or at all of them, nearest to the browser first."""

    optional_arguments = 1
    final_argument_whitespace = True

    def lines(self) -> Iterator[str]:
        """Yield a list: the title of each cause, and what users see."""
        for hop in self.arguments or findings.HOPS:
            here = [name for name in findings.ids() if hop == findings.cause(name).hop]
            if not here:
                raise self.error(f"{{causes}}: expected one of: {', '.join(findings.HOPS)}; got {hop}")
            if not self.arguments:
                yield from (f"**{HOPS[hop][0].upper()}{HOPS[hop][1:]}**", "")
            for name in here:
                self.env.note_dependency(findings.source(name))
                page = os.path.relpath(FINDINGS / f"{name}.md", Path(self.env.doc2path(self.env.docname)).parent)
                yield from (f"[]({page})", f": {findings.cause(name).symptom}.", "")


class DiagnoseCost(Written):
    """What `diagnose` costs, from `python -m checks bench --diagnose --write`."""

    def lines(self) -> Iterator[str]:
        """Yield the sentence and the table."""
        self.env.note_dependency(str(DIAGNOSE_COST))
        found = json.loads(DIAGNOSE_COST.read_text())
        yield "Where everything works, the whole `diagnose` command takes"
        yield f"{found['time_ratio']:.1f} x the time and {found['memory_ratio']:.1f} x the memory"
        yield "of the shortest Python program that opens a WebSocket and gets a message back."
        yield "Both were measured on the same machine in the same run, with the bytecode of their modules cached."
        yield from ("", "| URLs | seconds | memory |", "|--:|--:|--:|")
        for number, seconds in found["seconds"].items():
            yield f"| {number} | {seconds:.1f} | {found['megabytes'][number]:.0f} MB |"
        yield from ("", f"Measured on {found['cores']} cores that are shared with the server, by")
        yield "`python -m checks bench --diagnose`."


class ExporterCost(Written):
    """What the exporter costs, from `python -m checks bench --exporter --write`."""

    def lines(self) -> Iterator[str]:
        """Yield the table and how it was measured."""
        self.env.note_dependency(str(EXPORTER_COST))
        yield from self.table(json.loads(EXPORTER_COST.read_text()))

    @staticmethod
    def table(found: dict[str, Any]) -> Iterator[str]:
        """Yield the lines for one record."""
        costs = found["costs"]
        yield f"| {found['minutes']:g} minutes each | {' | '.join(costs)} |"
        yield f"|---|{'--:|' * len(costs)}"
        rows: dict[str, Callable[[Any], str]] = {
            "probes": lambda cost: f"{cost['probes']:,}",
            "probes lost": lambda cost: f"{cost['lost']:,}",
            "healthy targets that succeeded": lambda cost: f"{cost['succeeded']:,} of {cost['healthy']:,}",
        }
        for kind in ("healthy", "hostile"):
            for part, name in (("50", "median"), ("99", "99 %"), ("100", "longest")):
                rows[f"{kind} targets, {name}"] = lambda cost, kind=kind, part=part: _seconds(  # type: ignore[misc]
                    cost[f"{kind}_seconds"][part]
                )
        rows["memory, early and at the end"] = lambda cost: "{:.0f} and {:.0f} MB".format(*cost["megabytes"][:2])
        rows["CPU"] = lambda cost: f"{cost['cpu']:.2f} cores"
        for name, shown in rows.items():
            yield f"| {name} | {' | '.join(map(shown, costs.values()))} |"
        yield ""
        yield f"Measured on {found['cores']} cores, which targets, exporter and Prometheus share."


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


class Tools(Written):
    """What common tools print in broken cases, from `python -m checks tools --write`."""

    def lines(self) -> Iterator[str]:
        """Yield a list for each case: the cause, then the output of each tool."""
        self.env.note_dependency(str(TOOLS))
        record = json.loads(TOOLS.read_text())
        for case in record["cases"]:
            wrong = f"[](../findings/{case['broken']}.md)" if case["broken"] else "WebSocket works"
            yield from (f"```{{rubric}} {case['proxy']}: {wrong}", ":heading-level: 3", "```", "")
            for tool, output in case["outputs"].items():
                words = output["line"].replace("`", "'") or "no output"
                ended = "and keeps running" if output["exit_code"] is None else f"and exit code {output['exit_code']}"
                yield from (tool, f": `` {words} ``" if output["line"] else f": {words}", f"  {ended}", "")
            named = ", ".join(f"[](../findings/{each}.md)" for each in case["causes"]) or "not decided; next"
            # As code, because -- would become a dash.
            proof = re.sub(r"--[a-z]+(?: [A-Z]+)?", r"`\g<0>`", case["proof"])
            yield from ("diagnose", f": {named}: {proof}", "")
        versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        yield f"Versions: {versions}. Run `python -m checks tools` to repeat this."


class Download(SphinxDirective):
    """A link to the single file, with its size and SHA-256."""

    def run(self) -> list[nodes.Node]:
        """Return the link, the size, and the checksum, or how to build the file."""
        self.env.note_dependency(str(PACKED))
        if not PACKED.exists():
            missing = "This copy of the site does not include it. In a checkout, build it: "
            return [nodes.paragraph("", "", nodes.Text(missing), nodes.literal("", "make pyz"))]
        data = PACKED.read_bytes()
        link = nodes.reference("", PACKED.name, refuri="../" * self.env.docname.count("/") + PACKED.name)
        offered = nodes.paragraph("", "", link, nodes.Text(f", {len(data) / 1e6:.1f} MB, with the SHA-256"))
        digest = hashlib.sha256(data).hexdigest()
        return [offered, nodes.paragraph("", "", nodes.literal(digest, digest))]


class Doctor(SphinxRole):
    """A link to the single file, or to the place that explains how to get it."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link."""
        self.env.note_dependency(str(PACKED))
        page = self.env.app.builder.get_relative_uri(self.env.docname, "reference/diagnose")
        uri = "../" * self.env.docname.count("/") + PACKED.name if PACKED.exists() else f"{page}#get-it"
        return [nodes.reference("", self.text, refuri=uri, internal=True)], []


class Confirm(Written):
    """The command that confirms a fix, with a link to the file that it needs."""

    optional_arguments = 1
    final_argument_whitespace = True

    def lines(self) -> Iterator[str]:
        """Yield a sentence, the command, and what it reports."""
        command, options = f"python {PACKED.name} diagnose https://dss.example.com", " ".join(self.arguments)
        between = " \\\n> " if len(options) > LONG_OPTIONS else " " if options else ""
        proxy = " and of your company's proxy" if "proxy.example.com" in options else ""
        yield f"Download {{doctor}}`{PACKED.name}`."
        yield f"Run it with Python 3.9 or newer, with the URL of your DSS{proxy}:"
        yield from ("", "```{code-block} console", "", *f"$ {command}{between}{options}".splitlines(), "```", "")
        yield "It reports `WebSocket works`, and its exit code is 0."

    def run(self) -> list[nodes.Node]:
        """Return the nodes; a test reads the command as the command line does."""
        around = nodes.Element("", *super().run())
        for code in around.findall(nodes.literal_block):
            code["source"] = str(ROOT / "checks" / "cli" / "diagnose.py")
        return around.children


def offer(app: Sphinx, error: Exception | None) -> None:
    """Copy the single file into the built site."""
    if not error and PACKED.exists() and app.builder.format == "html":
        shutil.copy(PACKED, app.outdir)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("options", Options)
    app.add_directive("evidence", Evidence)
    app.add_directive("download", Download)
    app.add_role("doctor", Doctor())
    app.add_directive("confirm", Confirm)
    app.add_directive("diagnose-cost", DiagnoseCost)
    app.add_directive("exporter-cost", ExporterCost)
    app.add_directive("tools", Tools)
    app.add_directive("causes", Causes)
    app.connect("build-finished", offer)
    return {"parallel_read_safe": True}
