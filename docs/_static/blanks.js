// What you type into the form of blanks fills every snippet, and never leaves this browser.
{
  // Return what is wrong with a value and what to enter, or an empty string.
  function wrong(kind, text) {
    const leave = (pattern, why) => {
      const found = text.match(pattern);
      return found ? `Remove “${found[0]}”: ${why}.` : "";
    };
    const other = "it can have a special meaning in a config";
    if (kind == "port") return /^[1-9]\d{0,4}$/.test(text) && text < 65536 ? "" : "Enter a port from 1 to 65535.";
    if (/\s/.test(text)) return "Remove the space: in a config, it would end the value.";
    if (kind == "path" && text[0] != "/") return "Enter a full path, which starts with a slash.";
    if (kind == "path" || kind == "text") return leave(/[^\p{L}\p{M}\p{N}_./@+-]/u, other);
    const six = kind == "host" && /^\[[\w:.]*\]$/.test(text);
    if (kind == "host" && /^[\da-f]*:[\da-f]*:[\da-f:.]*$/.test(text)) return `Enter an IPv6 address in brackets: [${text}].`;
    const only = `enter only the host ${kind == "name" ? "name" : "name or IP address"}`;
    const extra =
      leave(/^[a-z]+:\/\//, only) ||
      leave(/\/.*/, "DSS does not work below a path") ||
      leave(/:\d*$/, only) ||
      (!six && leave(/[^\p{L}\p{M}\p{N}_.-]/u, other));
    if (extra) return extra;
    let known = "";
    try {
      known = new URL(`http://${text}`).hostname;
    } catch {
      // Not a host.
    }
    if (six ? known : known == text && /^\w([\w-]*\w)?(\.\w([\w-]*\w)?)*$/.test(text)) return "";
    if (known && /[^ -~]/.test(text)) return `Enter this name as browsers and proxies use it: ${known}.`;
    return "Enter a valid host name or IP address.";
  }

  const { kept } = globalThis.site;
  const own = {};
  const box = document.querySelector("#blanks");
  const fields = [...box.querySelectorAll("input")].map((input) => {
    const { placeholder: key, className: kind, nextElementSibling: why } = input;

    // While you type, an error may disappear, but no new one appears.
    function take(typing) {
      const typed = input.value.trim();
      const text = kind == "name" || kind == "host" ? typed.toLowerCase() : typed;
      const problem = text && wrong(kind, text);
      if (text && !problem) own[key] = text;
      else delete own[key];
      if (!typing || why.textContent) why.textContent = problem;
      input.ariaInvalid = why.textContent ? "true" : null;
    }
    for (const event of ["input", "change"])
      input.addEventListener(event, () => {
        take(event == "input");
        kept({ ...kept(), [key]: own[key] });
        put();
      });
    return { load: (values) => ((input.value = values[key] ?? ""), take()) };
  });

  // A mark holds a blank, or the place where a port other than the default goes.
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

  box.querySelector(".reset").addEventListener("click", () => load(kept({})));
  // Also when you return to this page, or type in another tab.
  for (const event of ["pageshow", "storage"])
    addEventListener(event, ({ persisted }) => persisted === false || load(kept()));
  load(kept());
}
