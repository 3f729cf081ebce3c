// Everything here is a convenience: without JavaScript the pages are complete.

// Copy buttons. A console block gives its commands alone, ready to paste.
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

async function copy(button, pre) {
  const text = pre.closest(".highlight-console") ? commands(pre.textContent) : pre.textContent;
  // The clipboard exists on HTTPS only; a copy of the site on plain HTTP selects the text instead.
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else getSelection().selectAllChildren(pre);
  live.textContent = button.textContent = navigator.clipboard ? "Copied" : "Selected";
  setTimeout(() => (live.textContent = ""), 2000);
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

for (const pre of document.querySelectorAll("div.highlight pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => copy(button, pre));
  pre.parentElement.prepend(button);
}

// A link inside the open menu closes it; the heading being read is marked in "On this page".
for (const nav of document.querySelectorAll("nav[popover]"))
  nav.addEventListener("click", (event) => event.target.closest("a") && nav.matches(":popover-open") && nav.hidePopover());

const links = new Map([...document.querySelectorAll("#toc a[href^='#']")].map((a) => [a.hash.slice(1), a]));
const headings = links.size ? [...document.querySelectorAll("section > :is(h1, h2, h3)")] : [];
const above = new Set();
// Everything above the upper third counts as seen, so that a jump over ten headings is noticed too.
const reading = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) above[isIntersecting ? "add" : "delete"](target);
    for (const link of links.values()) link.removeAttribute("aria-current");
    const last = headings.findLast((heading) => above.has(heading));
    if (last) links.get(last.closest("section").id)?.setAttribute("aria-current", "true");
  },
  { rootMargin: "9999999px 0px -67% 0px" },
);
for (const heading of headings) reading.observe(heading);
