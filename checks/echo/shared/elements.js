// Elements, and buttons that copy. The site and the page of `checks echo` load this before their other scripts.
globalThis.elements = (() => {
  // Create an element with properties and children.
  const make = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // What appears here is read by screen readers.
  const live = document.body.appendChild(make("div", { className: "visually-hidden", role: "status" }));

  // Let a button copy what `text` returns, unless that is empty. If the browser does not copy, select `shown`.
  const copies = (button, text, shown) => {
    const { textContent } = button;
    button.addEventListener("click", async () => {
      const value = text();
      if (!value) return;
      let done = true;
      live.textContent = "";
      try {
        await navigator.clipboard.writeText(value);
      } catch {
        // Browsers offer the clipboard on HTTPS only. On plain HTTP, copy from a field.
        const field = live.appendChild(make("textarea", { value }));
        field.select();
        done = document.execCommand("copy");
        field.remove();
        button.focus();
        if (!done) shown.select ? shown.select() : getSelection().selectAllChildren(shown);
      }
      live.textContent = button.textContent = done ? "Copied" : "Selected: press Ctrl+C or ⌘C";
      setTimeout(() => (button.textContent = textContent), 4000);
    });
  };

  return { copies, make };
})();
