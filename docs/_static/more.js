// What only some pages have: code to copy, and code and tables that scroll. docs/_ext/frame.py loads it there.

const { copies, make } = globalThis.elements;

// Copy buttons. For a console block, copy only its commands, ready to paste; for a diff, only the lines to add.
function commands(transcript) {
  const kept = [];
  for (const line of transcript.split("\n")) {
    if (line.startsWith("$ ")) kept.push(line.slice(2));
    else if (kept.at(-1)?.endsWith("\\")) kept.push(line.replace(/^> /, ""));
  }
  return kept.join("\n");
}

const added = (diff) => [...diff.matchAll(/^\+(?!\+\+ )(.*\n?)/gm)].map(([, line]) => line).join("");

function copied(pre) {
  if (pre.closest(".highlight-console")) return commands(pre.textContent);
  return pre.closest(".highlight-udiff, .highlight-diff") ? added(pre.textContent) : pre.textContent;
}

for (const pre of document.querySelectorAll("div:not(.wrong) > div.highlight > pre")) {
  if (!copied(pre)) continue;
  const button = make("button", { type: "button", className: "copy" }, "Copy");
  copies(button, () => copied(pre), pre);
  pre.parentElement.prepend(button);
}

// Code and tables are tab stops only while they scroll.
const fits = new ResizeObserver((entries) => {
  const scroll = entries.map(({ target }) => target.scrollWidth > target.clientWidth);
  entries.forEach(({ target }, number) => {
    const { name } = target.dataset;
    const attributes = { tabindex: "0", ...(name && { role: "group", "aria-label": name }) };
    for (const [key, value] of Object.entries(attributes))
      if (scroll[number]) target.setAttribute(key, value);
      else target.removeAttribute(key);
  });
});
for (const frame of document.querySelectorAll(".text pre, .text .table")) fits.observe(frame);
