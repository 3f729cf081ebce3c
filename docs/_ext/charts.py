"""Draw bars from the records of checks/, as SVG in the page, without a script.

``{cost-chart} round_trip`` with a caption as content shows one column of checks/costs.json, and ``{idle-chart}`` how
long a silent WebSocket stayed open, from checks/idle.json, with a table of the same numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagrams import NARROW, WIDE
from docutils import nodes
from docutils.parsers.rst import directives
from proof import table
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

CHECKS = Path(__file__).resolve().parents[2] / "checks"
LABEL, VALUE, ROW = 96, 84, 22
"""The width of the names and of the values, and the height of a bar with its space, in px."""


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its length, and the number beside it."""

    name: str
    value: float
    text: str
    kind: str = "bar"
    """A class in site.css."""


def bars(rows: Sequence[Bar], width: int, longest: float, caption: str) -> str:
    """Return the SVG of horizontal bars; `longest` is the value at the full width."""
    parts, room = [], width - LABEL - VALUE
    for number, bar in enumerate(rows):
        y = ROW * number + ROW // 2
        end = LABEL + max(2, round(room * bar.value / longest))
        parts.append(f'<text x="0" y="{y + 4}">{escape(bar.name)}</text>')
        parts.append(f'<path class="{bar.kind}" d="M{LABEL} {y}H{end}"/>')
        parts.append(f'<text class="soft" x="{end + 6}" y="{y + 4}">{escape(bar.text)}</text>')
    size = f'viewBox="0 0 {width} {ROW * len(rows)}" width="{width}" height="{ROW * len(rows)}"'
    shown = "wide" if width == WIDE else "narrow"
    return f'<svg class="{shown}" role="img" aria-labelledby="{caption}" {size}>{"".join(parts)}</svg>'


class Chart(SphinxDirective):
    """Base of the charts: a figure of bars, with a caption."""

    has_content = True
    option_spec = {"caption": directives.unchanged_required}  # noqa: RUF012  # as docutils wants it

    def record(self, name: str) -> dict[str, Any]:
        """Return a record of checks/."""
        self.env.note_dependency(str(CHECKS / name))
        found: dict[str, Any] = json.loads((CHECKS / name).read_text())
        return found

    def figure(self, rows: Sequence[Bar], longest: float) -> nodes.figure:
        """Return the bars for phones and for large screens."""
        anchor = f"chart-{self.env.new_serialno('chart') + 1}"
        figure = nodes.figure("", classes=["diagram"], ids=[anchor])
        for width in (NARROW, WIDE):
            figure += nodes.raw("", bars(rows, width, longest, f"{anchor}-caption"), format="html")
        inline, _ = self.parse_inline(self.options["caption"])
        figure += nodes.caption("", "", nodes.inline("", "", *inline, ids=[f"{anchor}-caption"]))
        return figure


class CostChart(Chart):
    """One column of the costs, the best proxy first."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the figure."""
        column = self.arguments[0]
        costs = self.record("costs.json")["costs"].values()
        slow = not column.startswith("rate")
        digits = 1 if slow else 2
        rows = [
            Bar(cost["proxy"].rpartition(" ")[0], cost[column], f"{cost[column]:.{digits}f} x")
            for cost in sorted(costs, key=lambda cost: cost[column], reverse=not slow)
        ]
        without = Bar("no proxy", 1.0, "1 x", "bar muted")
        return [self.figure([without, *rows], max(1.0, *(row.value for row in rows)))]


class IdleChart(Chart):
    """How long a silent WebSocket stayed open."""

    def run(self) -> list[nodes.Node]:
        """Return the figure, and a table with the same numbers."""
        record = self.record("idle.json")
        most = record["seconds"]
        rows = list(self.rows(record["proxies"].values(), most))
        cells = [
            [nodes.Text(text) for text in (row["proxy"], *(shown(row[key], most) for key in ("default", "config")))]
            for row in record["proxies"].values()
        ]
        numbers = table(["Proxy", "With its own idle timeout", "With our config"], cells)
        figure = self.figure(rows, most)
        words = nodes.legend("")
        words += nodes.raw("", "<details><summary>The numbers</summary>", format="html")
        words += numbers
        words += nodes.raw("", "</details>", format="html")
        command = nodes.literal("", f"python -m checks bench --idle {most:.0f}")
        words += nodes.paragraph("", "", nodes.Text("Measured by "), command, nodes.Text("."))
        figure += words
        return [figure]

    @staticmethod
    def rows(proxies: Any, most: float) -> Iterator[Bar]:
        """Yield one bar for each proxy, and one for our config if that is longer."""
        for row in proxies:
            default, config = row["default"], row["config"]
            name = row["proxy"].rpartition(" ")[0]
            yield Bar(name, default or most, shown(default, most), "bar muted" if config != default else "bar")
            if config != default:
                yield Bar("", config or most, shown(config, most))


def shown(seconds: float | None, most: float) -> str:
    """Return how long it stayed open, for people."""
    return f"over {most:.0f} s" if seconds is None else f"{seconds:.0f} s"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("cost-chart", CostChart)
    app.add_directive("idle-chart", IdleChart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
