// Everything here is a convenience: the pages are complete without JavaScript.

const { src: at } = document.currentScript;

globalThis.site = {
  // Load a script beside this one that only some readers need. A page on a disk cannot import modules or fetch.
  loadScript: (name, version) =>
    new Promise((onload, onerror) => {
      const { href: src } = new URL(`${name}?v=${version}`, at);
      document.head.append(globalThis.elements.make("script", { src, onload, onerror }));
    }),

  // Return the values that a reader typed, or keep them. If the browser blocks storage, they last as long as the page.
  kept(values) {
    try {
      if (values) localStorage.blanks = JSON.stringify(values);
      return JSON.parse(localStorage.blanks) ?? {};
    } catch {
      return {};
    }
  },
};

// A link inside the open menu closes it. "On this page" marks the current heading.
for (const nav of document.querySelectorAll("nav[popover]"))
  nav.addEventListener("click", (event) => event.target.closest("a") && nav.matches(":popover-open") && nav.hidePopover());

// The menu can be longer than the screen: show the current page.
const menu = document.getElementById("menu");
const here = menu.querySelector("[aria-current]");
const center = () => here && (menu.scrollTop = here.offsetTop - menu.clientHeight / 2);
menu.addEventListener("toggle", center);
center();

const links = new Map([...document.querySelectorAll("#toc a[href^='#']")].map((a) => [a.hash.slice(1), a]));
const headings = links.size ? [...document.querySelectorAll("section > :is(h1, h2, h3)")] : [];
const above = new Set();
// Count every heading above the upper third, so that a jump over ten headings is noticed too.
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

// The search page reads the words from the fragment, which browsers do not send to the server.
menu.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  location.href = `${event.target.action}#${new URLSearchParams(new FormData(event.target))}`;
});
