// A field for console errors. Matches them as checks/console.py does; what you paste never leaves this browser.
{
  const box = document.getElementById("console");
  const { reported, address, text: most, line: longest, lines } = JSON.parse(box.dataset.console);
  const make = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const cut = (text, length) => [...text.slice(0, 2 * length)].slice(0, length).join("");
  const report = new RegExp(reported, "u");
  const known = lines.map(([pattern, causes, only], number) => ({
    pattern: new RegExp(pattern, "u"),
    means: document.getElementById(`line-${number}`).nextElementSibling,
    // One cause is more precise than several, and several are more precise than none.
    rank: causes || lines.length,
    only,
  }));

  function find(said) {
    const [failed] = said.match(report) ?? [];
    const rest = said.slice(failed?.length);
    return known.find(({ pattern, only }) => (failed != null || !only) && pattern.test(rest));
  }

  function read(text) {
    const pasted = cut(text, most)
      .split(/[\r\n\u2028\u2029]/)
      .map((said) => cut(said, longest).replace(/^[ \t\u00a0]+|[ \t\u00a0]+$/g, ""))
      .filter(Boolean);
    const all = pasted.map((said) => ({ said, ...find(said) })).filter(({ means }) => means);
    const best = all.reduce((a, b) => (b.rank < a.rank ? b : a), all[0] ?? {});
    return { ...best, said: best.said?.replace(new RegExp(address, "gu"), "$1...") };
  }

  const field = make("textarea", { id: "console-line", rows: 4, spellcheck: false, autocomplete: "off" });
  // The Content-Security-Policy allows styles that a script sets one by one.
  Object.assign(field.style, {
    width: "100%",
    padding: ".5rem .65rem",
    border: "1px solid var(--muted)",
    borderRadius: "6px",
    background: "var(--bg)",
    color: "inherit",
    font: ".875rem/1.5 var(--mono)",
    overflowWrap: "anywhere",
  });
  field.placeholder = "WebSocket connection to 'wss://…' failed: …";
  const note = make("p", { id: "console-note" }, "What you paste stays in your browser.");
  field.setAttribute("aria-describedby", note.id);
  const result = make("div", { ariaLive: "polite" });
  const label = make("strong", {}, "Paste one or more console errors");
  box.replaceChildren(make("label", { htmlFor: field.id }, label), field, note, result);

  function show() {
    const { said, means } = read(field.value);
    result.replaceChildren();
    if (!field.value.trim()) return;
    const about = make("div", { className: "admonition" });
    if (means) {
      about.append(make("p", { className: "admonition-title" }, said));
      for (const part of means.children) about.append(part.cloneNode(true));
    } else {
      about.classList.add("warning");
      about.append(
        make("p", { className: "admonition-title" }, "No WebSocket error found"),
        make("p", {}, "Paste the whole line that mentions WebSocket, such as the example that the empty field shows."),
      );
    }
    result.append(about);
  }
  field.addEventListener("input", show);
  // A browser may restore what you typed before.
  addEventListener("pageshow", show);
}
