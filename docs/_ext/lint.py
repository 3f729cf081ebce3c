"""Lint a pasted configuration, with the code and the rules of checks/lint.

``{lint-reader}`` is a form for docs/_static/lint.js. It loads lint-engine.js, which is written here: modules of
checks/lint in JavaScript, and the rules. ``{lint-rules}`` is the table of rules.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import Written
from docutils import nodes
from javascript import ON_PAGE, translated
from sphinx.util.docutils import SphinxDirective

from checks import findings
from checks.lint import TITLES, rules
from checks.lint.judge import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FOLDER = Path(__file__).resolve().parents[2] / "checks" / "lint"
RUNTIME = Path(__file__).with_name("lint_runtime.js")

ENGINE = """globalThis.lintEngine=(()=>{{{code}
const kinds={{{kinds}}},rules={rules},titles=new Map(Object.values(kinds).flatMap((each)=>[...each.TITLES]));
const lint=(text,kind,server,version)=>{{
const parts=kind==="nginx"?detect_.split_dump(text):new Map();
if(!parts.size)parts.set("input",detect_.unwrapped(text,kind));
const trees=new Map([...parts].map(([name,part])=>[name,kinds[kind].read(part,name)]));
const options=tree_.Options(server,version,trees);
const inner=includes_.included(trees,kind,options);
const name=[...trees.keys()].find((each)=>!inner.includes(each))??[...trees.keys()][0];
return judge_.judge(kinds[kind].model(trees.get(name),options),options,rules,name,titles);}};
const kindOf=(text)=>detect_.kind_of(text,"");
return {{lint,kindOf,kinds:Object.keys(kinds)}};}})();
"""


FIELDS = ("id", "fact", "is", "below", "only", "until", "since", "known_only", "severity", "unsure", "cause")
TEXTS = ("says", "says_known", "says_unsure", "fix", "advice")


def _on_page(rule: dict[str, Any]) -> dict[str, Any]:
    """Return what the page needs of a rule."""
    kept = {name: rule[name] for name in (*FIELDS, *TEXTS) if name in rule}
    for name, value in kept.items():
        if name != "is" and isinstance(value, dict):
            kept[name] = {proxy: text for proxy, text in value.items() if proxy in ("", *ON_PAGE)}
    return kept


@cache
def engine() -> str:
    """Return the script that defines `lintEngine`."""
    kept = [_on_page(rule) for rule in rules() if set(rule["proxies"]) & set(ON_PAGE)]
    code = RUNTIME.read_text(encoding="utf-8") + translated(FOLDER, ["includes", "judge", "detect", *ON_PAGE])
    kinds = ",".join(f"{kind}:{kind}_" for kind in ON_PAGE)
    return ENGINE.format(code=code, kinds=kinds, rules=json.dumps(kept, ensure_ascii=False, separators=(",", ":")))


FORM = """
<label for="config">Paste the configuration of your proxy, or a part of it:</label>
<textarea id="config" rows="12" spellcheck="false" autocapitalize="off"></textarea>
<p class="fields"><label>Proxy <select>
<option value="">recognize it</option>{kinds}</select></label>
<label>Server <select>
<option value="dss">Dataiku DSS</option><option value="any">another server</option></select></label>
<label>Version <input size="8" placeholder="1.22.1" autocomplete="off" spellcheck="false"></label></p>
<p class="small">Nothing that you paste leaves this browser.</p>
<div aria-live="polite"></div>
<noscript><p>Without JavaScript, use the command below.</p></noscript>
"""
"""The form. Without JavaScript, site.css hides it."""


class Reader(SphinxDirective):
    """The field, with the pages of the causes."""

    def run(self) -> list[nodes.Node]:
        """Return the form, with a hint for browsers without JavaScript."""
        for file in (*FOLDER.glob("*.py"), FOLDER / "rules.json", RUNTIME):
            self.env.note_dependency(str(file))
        causes = {}
        for name in sorted({rule["cause"] for rule in rules()}):
            page = f"findings/{name}"
            if page in self.env.found_docs:
                uri = self.env.app.builder.get_relative_uri(self.env.docname, page)
                causes[name] = [findings.cause(name).title, uri]
        kinds = "".join(f'<option value="{kind}">{TITLES[kind]}</option>' for kind in ON_PAGE)
        box = (
            f'<div id="lint" data-version="{hashlib.sha256(engine().encode()).hexdigest()[:8]}"'
            f' data-causes="{escape(json.dumps(causes, ensure_ascii=False, separators=(",", ":")))}">'
            f"{FORM.format(kinds=kinds)}</div>"
        )
        return [nodes.raw("", box, format="html", lint=True)]


class Rules(Written):
    """The rules, by severity."""

    def lines(self) -> Iterator[str]:
        """Yield a list for each severity, with a definition for each rule."""
        self.env.note_dependency(str(FOLDER / "rules.json"))
        yield "::::{container} rules"
        for severity in SEVERITIES:
            own = [rule for rule in rules() if rule["severity"] == severity]
            yield from ("", f":::{{rubric}} `{severity}`", ":heading-level: 3", ":::", "")
            for rule in own:
                yield from self._definition(rule)
        yield "::::"

    def _definition(self, rule: dict[str, Any]) -> Iterator[str]:
        """Yield a rule: its id, its sentence, and what it is about."""
        names = [TITLES[name] for name in rule["proxies"]]
        says = rule["says"].replace("{proxy}", names[0] if len(names) == 1 else "{proxy}")
        says = says.replace("{", "*").replace("}", "*")
        limits = [f"before {value}" for value in rule.get("until", {}).values()]
        limits += [f"from {value} on" for value in rule.get("since", {}).values()]
        when = f" ({', '.join(limits)})" if limits else ""
        page = f"../findings/{rule['cause']}.md"
        link = f"[]({page})" if f"findings/{rule['cause']}" in self.env.found_docs else f"`{rule['cause']}`"
        yield from (f"`{rule['id']}`", f": {says}", f": {', '.join(names)}{when}. Cause: {link}", "")


def write(app: Sphinx) -> None:
    """Write the script that the field loads."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lint-engine.js").write_text(engine(), encoding="utf-8")


def load(app: Sphinx, _page: str, _template: str, _context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the script of the field on pages that have it."""
    if doctree and any(each.get("lint") for each in doctree.findall(nodes.raw)):
        app.add_js_file("lint.js", loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("lint-reader", Reader)
    app.add_directive("lint-rules", Rules)
    app.connect("builder-inited", write)
    # Before frame.py, which checks the loaded scripts.
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
