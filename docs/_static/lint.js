// Lint a pasted configuration as `checks lint` does; it never leaves this browser.
{
  const box = document.getElementById("lint");
  const causes = JSON.parse(box.dataset.causes);
  const { make } = globalThis.elements;
  const STYLE = { broken: "danger", depends: "warning", endangers: "warning", note: "note" };
  const CONTEXT = 2; // lines shown around a finding

  const field = box.querySelector("textarea");
  const [kind, server] = box.querySelectorAll("select");
  const version = box.querySelector("input");
  const result = box.querySelector("div");

  // The engine is larger than the page, so it is loaded when somebody uses the field. A page on a disk cannot fetch it.
  let loading;
  const load = () => (loading ??= globalThis.site.loadScript("lint-engine.js", box.dataset.version));

  const read = (text, as = kind.value, whom = server.value, number = version.value.trim()) => {
    const own = as || globalThis.lintEngine.kindOf(text);
    return globalThis.lintEngine.kinds.includes(own) ? globalThis.lintEngine.lint(text, own, whom, number) : null;
  };

  const numbered = (lines, from, to, marked) => {
    const code = make("code", {});
    for (let number = Math.max(1, from); number <= Math.min(lines.length, to); number++) {
      const text = `${String(number).padStart(4)}  ${lines[number - 1]}\n`;
      code.append(number === marked ? make("mark", {}, text) : text);
    }
    return make("pre", {}, code);
  };

  const explained = (finding) => {
    const [title, page] = causes[finding.cause] ?? [];
    const parts = [make("p", {}, finding.says)];
    const fix = finding.writes ? make("code", {}, finding.fix) : `${finding.fix}.`;
    if (finding.fix) parts.push(make("p", {}, "Fix: ", fix));
    const rest = [finding.where.join(" and ")];
    const about = make("p", {}, `In ${rest[0]}. `);
    if (page) about.append("Cause: ", make("a", { href: page }, title), ".");
    const heading = make("p", { className: "admonition-title" }, `Line ${finding.line}: ${finding.severity}`);
    return make("div", { className: `admonition ${STYLE[finding.severity]}` }, heading, ...parts, about);
  };

  const listed = (title, texts) =>
    texts.length
      ? [make("p", {}, make("strong", {}, title)), make("ul", {}, ...texts.map((text) => make("li", {}, text)))]
      : [];

  const verdict = (report) => {
    const worst = report.findings[0]?.severity;
    if (worst === "broken") return "No WebSocket opens until you fix the lines marked as broken.";
    if (!report.decided) return "It is not known whether a WebSocket opens. Paste the files that are missing too.";
    if (worst) return "A WebSocket opens, with the limits below.";
    const rest = report.unknown.length ? " in these lines, but what is missing may" : "";
    return `Found nothing that breaks a WebSocket${rest}.`;
  };

  function* shown(text, report) {
    const lines = text.split("\n");
    yield make("p", {}, make("strong", {}, `${report.proxy}. ${verdict(report)}`));
    const byLine = new Map();
    for (const finding of report.findings) {
      byLine.set(finding.line, [...(byLine.get(finding.line) ?? []), finding]);
    }
    const here = report.file === "input";
    for (const [line, findings] of byLine) {
      if (here && line) yield numbered(lines, line - CONTEXT, line + CONTEXT, line);
      else yield make("p", {}, make("code", {}, findings[0].file));
      yield* findings.map(explained);
    }
    yield* listed("Seen", report.seen);
    yield* listed("Unknown", report.unknown);
  }

  async function show() {
    const text = field.value.replaceAll("\r\n", "\n");
    if (!text.trim()) return result.replaceChildren();
    await load();
    const unread = "This page does not recognize the configuration. If it is for nginx, Apache httpd or HAProxy, choose the proxy above.";
    let report;
    try {
      report = read(text);
    } catch (error) {
      if (!["RangeError", "InternalError"].includes(error.name)) throw error; // InternalError: Firefox
      const deep = "This page cannot read the configuration: it has too many blocks inside each other.";
      return result.replaceChildren(make("p", {}, deep));
    }
    result.replaceChildren(...(report ? shown(text, report) : [make("p", {}, unread)]));
  }
  for (const input of [field, kind, server, version]) input.addEventListener("input", show);
  // The tests read many texts.
  box.read = async (...given) => (await load(), read(...given));
  if (field.value) show();
}
