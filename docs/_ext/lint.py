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
from javascript import translated
from sphinx.util.docutils import SphinxDirective

from checks import findings
from checks.lint import rules
from checks.lint.judge import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

FOLDER = Path(__file__).resolve().parents[2] / "checks" / "lint"
RUNTIME = Path(__file__).with_name("lint_runtime.js")
MODULES = [
    *("tree", "text", "policy", "nginx_read", "nginx_path", "nginx_rewrite", "nginx_includes", "nginx_syntax"),
    *("nginx_facts", "nginx", "haproxy_read", "haproxy_acl", "haproxy_rules", "haproxy", "apache_read"),
    *("apache_rewrite", "apache_facts", "apache", "judge", "detect"),
]
"""The modules that the page needs, each after those that it imports."""

ENGINE = """globalThis.lintEngine=(()=>{{{code}
const kinds={{apache:apache_,haproxy:haproxy_,nginx:nginx_}},rules={rules};
const lint=(text,kind,server,version)=>{{
const parts=kind==="nginx"?detect_.split_dump(text):new Map();
if(!parts.size)parts.set("input",detect_.unwrapped(text,kind));
const trees=new Map([...parts].map(([name,part])=>[name,kinds[kind].read(part,name)]));
const options=tree_.Options(server,version,trees);
const inner=kinds[kind].included?kinds[kind].included(trees):[];
const name=[...trees.keys()].find((each)=>!inner.includes(each))??[...trees.keys()][0];
return judge_.judge(kinds[kind].model(trees.get(name),options),options,rules,name);}};
const kindOf=(text)=>detect_.kind_of(text,"");
return {{lint,kindOf,kinds:Object.keys(kinds),titles:Object.fromEntries(judge_.TITLES)}};}})();
"""


@cache
def engine() -> str:
    """Return the script that defines `lintEngine`."""
    fields = ("id", "fact", "is", "below", "only", "until", "since", "known_only", "severity", "unsure", "cause")
    wanted = [*fields, "says", "says_known", "says_unsure", "fix"]
    kept = [{name: rule[name] for name in wanted if name in rule} for rule in rules()]
    code = RUNTIME.read_text(encoding="utf-8") + translated(FOLDER, MODULES)
    return ENGINE.format(code=code, rules=json.dumps(kept, ensure_ascii=False, separators=(",", ":")))


FORM = """
<label for="config">Paste the configuration of your proxy, or a part of it:</label>
<textarea id="config" rows="12" spellcheck="false" autocapitalize="off"></textarea>
<p class="fields"><label>Proxy <select>
<option value="">recognize it</option><option value="nginx">nginx</option>
<option value="apache">Apache httpd</option><option value="haproxy">HAProxy</option></select></label>
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
        box = (
            f'<div id="lint" data-version="{hashlib.sha256(engine().encode()).hexdigest()[:8]}"'
            f' data-causes="{escape(json.dumps(causes, ensure_ascii=False, separators=(",", ":")))}">'
            f"{FORM}</div>"
        )
        return [nodes.raw("", box, format="html", lint=True)]


class Rules(Written):
    """The table of rules."""

    def lines(self) -> Iterator[str]:
        """Yield a row for each rule."""
        self.env.note_dependency(str(FOLDER / "rules.json"))
        yield from ("| Rule | Severity | Proxies | Sentence | Cause |", "|---|---|---|---|---|")
        for rule in rules():
            proxies = ", ".join(TITLES[name] for name in rule["proxies"])
            says = rule["says"].replace("|", "\\|").replace("{", "*").replace("}", "*")
            limits = [f"before {value}" for value in rule.get("until", {}).values()]
            limits += [f"from {value} on" for value in rule.get("since", {}).values()]
            when = f" ({', '.join(limits)})" if limits else ""
            page = f"../findings/{rule['cause']}.md"
            link = f"[]({page})" if f"findings/{rule['cause']}" in self.env.found_docs else f"`{rule['cause']}`"
            yield f"| `{rule['id']}` | {rule['severity']}{when} | {proxies} | {says} | {link} |"


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
