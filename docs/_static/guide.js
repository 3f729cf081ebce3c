// Fill the reader's address and console error into the messages, and copy them. Nothing leaves this browser.
{
  const field = document.getElementById("address");
  const why = document.getElementById("address-why");
  const pasted = document.getElementById("symptom-text");
  const hint = why?.textContent;

  // Without a scheme, as browsers show it in the address bar, it is HTTPS.
  function place(text) {
    try {
      const { protocol, hostname, port } = new URL(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
      const secure = /^(https|wss):$/.test(protocol);
      if (!hostname || !(secure || /^(http|ws):$/.test(protocol)) || !/[.:]|^localhost$/.test(hostname)) return;
      const own = port && port != (secure ? 443 : 80) ? `:${port}` : "";
      return { host: hostname, port: port || (secure ? "443" : "80"), url: `http${secure ? "s" : ""}://${hostname}${own}` };
    } catch {
      // Not an address.
    }
  }

  // The pages of the proxies keep host names in the same place. If the browser blocks storage, it lasts as long as the page.
  function stored(added) {
    try {
      const values = { ...JSON.parse(localStorage.blanks ?? "{}"), ...added };
      if (added) localStorage.blanks = JSON.stringify(values);
      return values;
    } catch {
      return added ?? {};
    }
  }

  function put(found) {
    for (const name of ["host", "port", "url"])
      for (const mark of document.querySelectorAll(`.to-send var.${name}`)) {
        mark.dataset.example ??= mark.textContent;
        mark.textContent = found?.[name] ?? mark.dataset.example;
        mark.classList.toggle("own", Boolean(found));
      }
  }

  function take(text, final) {
    const found = place(text.trim());
    put(found);
    if (found) stored({ "dss.example.com": found.host, address: found.url });
    if (!field) return;
    const wrong = text.trim() && !found && final;
    field.ariaInvalid = wrong ? "true" : null;
    why.textContent = wrong ? "Enter an address such as https://dss.example.com." : hint;
  }

  field?.addEventListener("input", () => take(field.value));
  field?.addEventListener("change", () => take(field.value, true));
  pasted?.addEventListener("input", () => {
    const socket = pasted.value.match(/wss?:\/\/[^\s/'"”’?]+/i);
    if (!socket || !place(socket[0])) return;
    if (field) field.value = place(socket[0]).url;
    take(socket[0]);
  });
  const { address, "dss.example.com": host } = stored();
  const start = (address && place(address)?.host == host ? address : host) ?? "";
  if (field && !field.value) field.value = start;
  take(field?.value || start);

  // A link to a reply opens it, also where the browser does not.
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.localName == "details") at.open = true;
    if (target) target.closest("details")?.scrollIntoView();
  }
  addEventListener("hashchange", open);
  open();

  function text(words) {
    const parts = [...words.children].map((part) => {
      const link = part.querySelector("a");
      return link ? (location.protocol.startsWith("http") ? `${link.textContent}: ${link.href}` : "") : part.innerText;
    });
    return parts.filter(Boolean).join("\n\n");
  }
  for (const button of document.querySelectorAll(".take"))
    button.addEventListener("click", async () => {
      const words = button.previousElementSibling;
      try {
        await navigator.clipboard.writeText(text(words));
        button.textContent = "Copied";
      } catch {
        // Without HTTPS, browsers offer no clipboard to scripts.
        getSelection().selectAllChildren(words);
        button.textContent = "Selected: press Ctrl+C or ⌘C";
      }
      const live = document.querySelector("body > [role=status]");
      if (live) live.textContent = button.textContent;
      setTimeout(() => (button.textContent = "Copy message"), 4000);
    });
}
