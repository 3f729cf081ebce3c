// A message to copy or to open in the mail program. It is shared by the site and by the page of `checks echo`.
globalThis.messageBox = ({ label, to, subject, text }) => {
  const { copies, make } = globalThis.elements;
  // A mail program opens from a URL, and some cut longer ones.
  const MAX_URL = 1900;
  const CUT = "\n[…]\nPlease ask me for the rest.";
  const box = make("div", { className: "message" });
  const area = make("textarea", { id: `message-${Math.random().toString(36).slice(2)}`, spellcheck: false });
  const copy = make("button", { type: "button" }, "Copy");
  const mail = make("a", {}, "Open in your mail program");
  const title = make("label", { htmlFor: area.id });
  // The Content-Security-Policy allows styles that a script sets one by one.
  Object.assign(area.style, {
    boxSizing: "border-box",
    width: "100%",
    padding: ".5rem .65rem",
    border: "1px solid var(--muted)",
    borderRadius: "6px",
    background: "var(--bg)",
    color: "inherit",
    font: ".8125rem/1.5 var(--mono)",
    overflowWrap: "anywhere",
  });
  Object.assign(copy.style, { font: "inherit", padding: ".3rem .9rem", marginRight: "1rem", cursor: "pointer" });

  const link = () => {
    const url = (body) => `mailto:?subject=${encodeURIComponent(box.subject)}&body=${encodeURIComponent(body)}`;
    let body = area.value.replaceAll("\n", "\r\n");
    if (url(body).length > MAX_URL) {
      const signs = [...body];
      while (signs.length && url(signs.join("") + CUT).length > MAX_URL) signs.length -= Math.ceil(signs.length / 50);
      body = signs.join("") + CUT;
    }
    mail.href = url(body);
  };
  copies(copy, () => area.value, area);
  area.addEventListener("input", link);
  box.append(make("p", {}, title), area, make("p", {}, copy, mail));
  box.update = ({ label: words, to: whom, subject: about, text: message }) => {
    title.replaceChildren(make("strong", {}, `${words}${whom ? `, for ${whom}` : ""}`));
    box.subject = about;
    area.value = message;
    area.rows = Math.min(14, message.split("\n").length + 1);
    link();
  };
  box.update({ label, to, subject, text });
  return box;
};
