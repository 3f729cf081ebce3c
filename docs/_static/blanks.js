// The list of blanks becomes a form: what is typed there is put in everywhere, and never leaves this browser.
{
  const make = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // Why a value cannot be right, in one sentence; nothing when it can.
  function wrong(kind, text) {
    const leave = (pattern, why) => {
      const found = text.match(pattern);
      return found ? `Leave ${found[0]} out: ${why}.` : "";
    };
    const other = "in a config it can mean something else";
    if (kind == "port") return /^[1-9]\d{0,4}$/.test(text) && text < 65536 ? "" : "A port is a number from 1 to 65535.";
    if (/\s/.test(text)) return "Leave the space out: in a config the value would end there.";
    if (kind == "path" && text[0] != "/") return "Begin with a slash: only a full path is found from everywhere.";
    if (kind == "path" || kind == "text") return leave(/[^\p{L}\p{M}\p{N}_./@+-]/u, other);
    const six = kind == "host" && /^\[[\w:.]*\]$/.test(text);
    if (kind == "host" && /^[\da-f]*:[\da-f]*:[\da-f:.]*$/.test(text)) return `An IPv6 address needs brackets: [${text}].`;
    const only = `only the ${kind} goes here`;
    const extra =
      leave(/^[a-z]+:\/\//, only) ||
      leave(/\/.*/, "DSS cannot live below a path") ||
      leave(/:\d*$/, only) ||
      (!six && leave(/[^\p{L}\p{M}\p{N}_.-]/u, other));
    if (extra) return extra;
    let known = "";
    try {
      known = new URL(`http://${text}`).hostname;
    } catch {
      // Then it is none.
    }
    if (six ? known : known == text && /^\w([\w-]*\w)?(\.\w([\w-]*\w)?)*$/.test(text)) return "";
    if (known && /[^ -~]/.test(text)) return `Browsers and proxies call it ${known}: type that.`;
    return "No machine can have this name or address.";
  }

  // Where a browser may keep nothing, the values last as long as the page.
  function stored(values) {
    try {
      if (values) localStorage.blanks = JSON.stringify(values);
      return JSON.parse(localStorage.blanks) ?? {};
    } catch {
      return {};
    }
  }

  const own = {};
  const box = document.querySelector(".blanks");
  const fields = [...box.querySelectorAll("dt")].map((term, number) => {
    const key = term.querySelector("var").textContent;
    const kind = term.className;
    const id = `blank-${number}`;
    const why = make("p", { id: `${id}-why`, ariaLive: "polite" });
    const input = make("input", { id, placeholder: key, autocomplete: "off", autocapitalize: "off", spellcheck: false });
    if (kind == "port") input.inputMode = "numeric";
    input.setAttribute("aria-describedby", why.id);

    // While somebody types, a sentence may go and none may come.
    function take(typing) {
      const typed = input.value.trim();
      const text = kind == "name" || kind == "host" ? typed.toLowerCase() : typed;
      const said = text && wrong(kind, text);
      if (text && !said) own[key] = text;
      else delete own[key];
      if (!typing || why.textContent) why.textContent = said;
      input.ariaInvalid = why.textContent ? "true" : null;
    }
    for (const event of ["input", "change"])
      input.addEventListener(event, () => {
        take(event == "input");
        stored({ ...stored(), [key]: own[key] });
        put();
      });
    const load = (values) => ((input.value = values[key] ?? ""), take());
    const label = make("label", { htmlFor: id }, term.nextElementSibling.textContent.trim());
    return { load, row: make("div", {}, label, input, why) };
  });

  const reset = make("button", { type: "button", textContent: "Reset" });
  const note = "They go into every snippet and command of this page, and stay in your browser.";
  box.replaceWith(
    make(
      "details",
      { className: "blanks", open: innerWidth > 700 },
      make("summary", { textContent: box.firstElementChild.textContent.replace(":", "") }),
      make("div", {}, ...fields.map(({ row }) => row)),
      make("p", {}, note, reset),
    ),
  );

  // A mark holds a blank, or stands where a port belongs that is not the usual one.
  const marks = [...document.querySelectorAll("var")].map((mark) => [mark, mark.dataset.port, mark.dataset.port ?? mark.textContent]);

  function put() {
    for (const [mark, port, key] of marks) {
      const value = own[key] ?? key;
      mark.textContent = port ? (value == port ? "" : `:${value}`) : value;
      mark.classList.toggle("own", key in own);
    }
  }

  function load(values) {
    for (const field of fields) field.load(values);
    put();
  }

  reset.addEventListener("click", () => load(stored({})));
  // Also after going back to this page, or typing in another tab.
  for (const event of ["pageshow", "storage"])
    addEventListener(event, ({ persisted }) => persisted === false || load(stored()));
  load(stored());
}
