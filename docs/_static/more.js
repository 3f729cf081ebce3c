// What only some pages have: code to copy, and code and tables that scroll. docs/_ext/frame.py loads it there.

// Copy buttons. For a console block, copy only its commands, ready to paste; for a diff, only the lines to add.
const live = document.body.appendChild(document.createElement("div"));
live.className = "visually-hidden";
live.setAttribute("role", "status");

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

// Browsers offer the clipboard on HTTPS only. On plain HTTP, copy from a field, or at least select the text.
async function copy(button, pre) {
  const text = copied(pre);
  let done = "Copied";
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const field = live.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
    field.select();
    if (!document.execCommand("copy")) done = "Selected";
    field.remove();
    button.focus();
    if (done == "Selected") getSelection().selectAllChildren(pre);
  }
  live.textContent = button.textContent = done;
  setTimeout(() => (live.textContent = ""), 2000);
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

for (const pre of document.querySelectorAll("div:not(.wrong) > div.highlight > pre")) {
  if (!copied(pre)) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => copy(button, pre));
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
