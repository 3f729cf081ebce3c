// Fill the address of DSS into the messages, and copy them. Nothing leaves this browser.
{
  const box = document.getElementById("symptom");
  const field = document.getElementById("address");
  const why = document.getElementById("address-why");
  const pasted = document.getElementById("symptom-text");
  const hint = why?.textContent;
  const { kept, loadScript } = globalThis.site;

  // Return host, port and URL. An address bar hides the scheme https.
  function place(text) {
    const [, scheme, rest] = text.match(/^(?:(\w+):\/\/)?([^/\s'"”’?#]+)/) ?? [];
    const secure = !/^(http|ws)$/i.test(scheme);
    try {
      const { hostname: host, port, origin: url } = new URL(`http${secure ? "s" : ""}://${rest}`);
      // A name without a dot is one only with its scheme or port, as in http://dss:11200.
      return (/[.:]|^localhost$/.test(host) || scheme || port) && { host, port: port || (secure ? "443" : "80"), url };
    } catch {
      // Not an address.
    }
  }

  function take(text, done) {
    const found = place(text.trim());
    for (const mark of document.querySelectorAll(".to-send var")) {
      const { dataset, className } = mark;
      dataset.example ??= mark.textContent;
      mark.textContent = found ? found[className.split(" ")[0]] : dataset.example;
      mark.classList.toggle("own", Boolean(found));
    }
    // The pages of the proxies keep host names in the same place.
    if (found) kept({ ...kept(), "dss.example.com": found.host, address: found.url });
    if (!field) return;
    const wrong = done && text.trim() && !found;
    field.ariaInvalid = wrong ? "true" : null;
    why.textContent = wrong ? "Enter a URL such as https://dss.example.com." : hint;
  }

  for (const event of ["input", "change"]) field?.addEventListener(event, () => take(field.value, event == "change"));
  // symptoms.js is larger than the page, so it is loaded for those who paste something.
  if (box) {
    let loading;
    const load = () => (loading ??= loadScript("symptoms.js", box.dataset.version));
    for (const event of ["focus", "input"]) pasted.addEventListener(event, load);
    // A browser may restore what you typed before.
    addEventListener("pageshow", () => pasted.value && load());
    Object.assign(box, { place, take: (text) => take(((field ?? {}).value = text)) });
    // symptoms.js replaces these two.
    for (const name of ["read", "written"]) box[name] = (...given) => load().then(() => box[name](...given));
  }

  const { address, "dss.example.com": host } = kept();
  const before = address && place(address)?.host == host ? address : host;
  if (field && before) field.value ||= before;
  take(field?.value || before || "");

  // A link to a reply opens it, also where the browser does not.
  function open() {
    let target;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      // Not a valid URL.
    }
    for (let at = target; at; at = at.parentElement) if (at.localName == "details") at.open = true;
    const place = target && field && !field.value ? field.parentElement : target?.closest("details");
    place?.scrollIntoView();
  }
  addEventListener("hashchange", open);
  open();

  const online = location.protocol.startsWith("http");
  function text(part) {
    const link = part.querySelector("a");
    return link ? online && `${link.textContent}: ${link.href}` : part.innerText;
  }
  // A message with an example in place of the address is of no use, so ask for it, once.
  let asked;
  field?.addEventListener("keydown", ({ key }) => {
    if (key !== "Enter" || !asked || !place(field.value.trim())) return;
    asked.scrollIntoView({ block: "center" });
    asked.focus();
    asked.click();
    asked = undefined;
  });
  for (const button of document.querySelectorAll(".take")) {
    const words = button.previousElementSibling;
    const message = () => {
      if (!field || asked === button || !words.querySelector("var:not(.own)"))
        return [...words.children].map(text).filter(Boolean).join("\n\n");
      asked = button;
      field.focus();
      why.textContent = "Enter the URL of DSS for this message, and press Enter to copy it.";
    };
    globalThis.elements.copies(button, message, words);
  }
}
