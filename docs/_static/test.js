// Test the URL that a reader types, as far as a page of another site can see. Only that URL is connected to.
{
  const form = document.getElementById("connection-test");
  const field = form.querySelector("input");
  const button = form.querySelector("button");
  const result = form.querySelector("div");
  const { open, wait } = globalThis.connection;
  const PATH = "/dip/websocket?sessionId=websocket0";
  const TIMEOUT = 15;
  const { href: download } = new URL("../reference/diagnose.html", document.currentScript.src);
  const { make } = globalThis.elements;

  // What surrounds a pasted URL: blanks, quotes and brackets.
  const AROUND = "\\s\"'`<>()\u200b\u200e\u200f\ufeff«»‘-‟‹›「」";
  const EDGES = new RegExp(`^[${AROUND}]+|[${AROUND}]+$`, "g");
  const BEGINS = new RegExp(`(?<=^|[\\s,;|${AROUND}])(?=(?:https?|wss?)://)`, "i");
  const END = new RegExp(`[\\s[\\]{}${AROUND}]`);
  const LABEL = /^[^/?#\s]*[=:[{](?=(?:https?|wss?):\/\/)/i; // such as DSS_URL=
  const SCHEME = /^(https?|wss?)(?:[:;]?[/\\]{2,}|:\/|:(?![0-9]+(?:[/?#]|$)))/i; // as browsers accept it, and mistyped

  // Return the origin that was meant, or a sentence about what is wrong.
  function target(text) {
    const whole = text.replace(EDGES, "").replace(LABEL, "");
    const hint = "Enter the URL that your browser shows for DSS, such as https://dss.example.com.";
    const found = whole.split(BEGINS).filter((part) => SCHEME.test(part));
    if (found.length > 1) return { problem: `This test needs one URL, and there are ${found.length}. ${hint}` };
    const typed = (found[0] && !SCHEME.test(whole) ? found[0].split(END)[0] : whole).replace(SCHEME, "$1://").replace(/[.,;!…]+$/, "");
    if (!typed) return { problem: hint };
    const [, scheme] = typed.match(/^([a-z][a-z0-9+.-]*):\/{1,2}(?=[^/])/i) ?? [];
    if (scheme && !/^(https?|wss?)$/i.test(scheme)) return { problem: `This test needs https:// or http://, not ${scheme}://.` };
    if (/^[a-z]+:\/\/[a-z][a-z0-9+.-]*:\/\//i.test(typed)) return { problem: `This URL has two schemes. ${hint}` };
    let url;
    try {
      url = new URL((scheme ? typed : `https://${typed.replace(/^\/\//, "")}`).replace(/^ws/i, "http"));
    } catch {
      return { problem: `This is not a URL. ${hint}` };
    }
    if (url.username || url.password) return { problem: "Remove the user name and the password from the URL." };
    if (/\.\.|^\.|[^a-z0-9.:[\]_-]/.test(url.hostname)) return { problem: `This is not a host name. ${hint}` };
    // A name without a dot is one only with its scheme or port, as in http://dss:11200.
    if (!/[.:]|^localhost$/.test(url.hostname) && !scheme && !url.port) return { problem: `${url.hostname} is not a complete host name. ${hint}` };
    const near = /^(localhost|127\.|\[::1\])/.test(url.hostname);
    if (location.protocol === "https:" && url.protocol === "http:" && !near) {
      const why = "This page uses HTTPS, so browsers do not let it test a URL with http://.";
      return { problem: `${why} Run the lines below in the console of DSS instead.` };
    }
    return { url };
  }

  // Ask for a page; of another site, a script sees only whether there was a response.
  async function page(url) {
    const began = performance.now();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), TIMEOUT * 1000);
    const options = { mode: "no-cors", credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal: stop.signal };
    const outcome = await fetch(url.origin, options).then(
      () => "opened",
      () => (stop.signal.aborted ? "hung" : "failed"),
    );
    clearTimeout(timer);
    return { outcome, seconds: Math.round(performance.now() - began) / 1000, code: 0, reason: "" };
  }

  async function tested(url, progress) {
    const socket = (path) => url.origin.replace("http", "ws") + path;
    progress("Requesting a page…");
    const found = { page: await page(url) };
    progress("Opening a WebSocket…");
    found.socket = await open(socket(PATH), { protocols: ["dummy"], timeout: TIMEOUT });
    if (found.socket.socket) {
      // A server may look at the origin only now.
      const closed = new Promise((done) => (found.socket.socket.onclose = done));
      const event = await Promise.race([closed, wait(2000)]);
      if (event) found.closed = { outcome: "failed", seconds: 0, code: event.code, reason: event.reason };
      found.socket.socket.close();
    } else if (found.socket.outcome === "failed") {
      progress("Trying once more, without a subprotocol…");
      found.bare = await open(socket(PATH), { timeout: TIMEOUT });
      found.bare.socket?.close();
      progress("Trying the URL of a notebook…");
      found.notebook = await open(socket("/jupyter/api/kernels/0/channels"), { timeout: TIMEOUT });
      found.notebook.socket?.close();
    }
    return found;
  }

  const MEANING = {
    nothing: [
      "Nothing at this URL responded to this page",
      "This page cannot see why. The name may be wrong, the network may not reach it, the certificate may not be trusted, or your browser may block requests from this site to your local network. Open the URL in a new tab. If DSS loads there, run the lines below in its console.",
      "your network team",
    ],
    blocked: ["Your browser did not allow this test", "Run the lines below in the console of DSS instead.", ""],
    opened: [
      "A WebSocket opened",
      "Your network and its proxies forward a WebSocket to this server. If DSS still shows the error, run the lines below in the console of DSS, where they use its cookies and its origin.",
      "the DSS administrator",
    ],
    closed: [
      "A WebSocket opened, and the server closed it",
      "So your network forwards WebSocket. The server may close a WebSocket of another site, such as this one. Run the lines below in the console of DSS, where they use the right origin.",
      "the DSS administrator",
    ],
    hung: [
      "The page responded, and the WebSocket got no response",
      "A proxy or firewall may keep the handshake without a response. Try another network, such as a phone hotspot. If a WebSocket opens there, ask your network team.",
      "your network team",
    ],
    some: [
      "Some WebSockets opened, and others did not",
      "Run the test again. If the result changes, several servers may take turns behind this URL.",
      "the DSS administrator",
    ],
    failed: [
      "The page responded, and the WebSocket did not open",
      "Either a proxy blocks WebSocket, or the server accepts a WebSocket only from its own pages. This test alone cannot distinguish them. Press F12 and open Console, where the red text of Chrome and Edge names the status code. Paste that text into the field above. Then run the lines below in the console of DSS, and try another network, such as a phone hotspot.",
      "the DSS administrator or your network team",
    ],
  };

  function meaning({ page: first, socket, closed, bare, notebook }) {
    if (socket.outcome === "blocked" || socket.outcome === "refused") return "blocked";
    if (closed) return "closed";
    if (socket.outcome === "opened") return "opened";
    if ([bare, notebook].some((each) => each?.outcome === "opened")) return "some";
    if (first.outcome !== "opened") return "nothing";
    return socket.outcome === "hung" ? "hung" : "failed";
  }

  function rows({ page: first, socket, closed, bare, notebook }) {
    const took = ({ outcome, seconds }) => ({ hung: `no response after ${seconds} s`, failed: `failed after ${seconds} s` })[outcome];
    const text = (each) => took(each) ?? { opened: "opened", blocked: `blocked by a policy: ${each.reason}` }[each.outcome] ?? each.reason;
    return [
      ["Page", first.outcome === "opened" ? `responded after ${first.seconds} s` : took(first)],
      ["WebSocket", text(socket)],
      ...(closed ? [["Then", `closed with code ${closed.code} ${closed.reason}`.trim()]] : []),
      // Browsers delay attempts after a failure, so their duration means nothing.
      ...(bare ? [["WebSocket without a subprotocol", bare.outcome]] : []),
      ...(notebook ? [["WebSocket at the URL of a notebook", notebook.outcome]] : []),
    ];
  }

  function present(url, found) {
    const [title, text, to] = MEANING[meaning(found)];
    const good = ["opened", "closed"].includes(meaning(found));
    const lines = rows(found).map((row) => row.join(": "));
    const box = make("div", { className: `admonition${good ? "" : " warning"}` }, make("p", { className: "admonition-title" }, title));
    box.append(make("ul", {}, ...lines.map((line) => make("li", {}, line))), make("p", {}, text));
    const secure = url.protocol === "https:";
    const socket = { scheme: secure ? "wss" : "ws", host: url.hostname, port: url.port || (secure ? "443" : "80"), path: PATH.split("?")[0] };
    socket.origin = url.origin.replace("http", "ws");
    const made = globalThis.ticket.reported({
      socket,
      lines: [...lines, `Tested from ${location.href.split("#")[0]} at ${new Date().toISOString()}`, navigator.userAgent],
      meaning: title,
      command: "python websocket-doctor.pyz diagnose",
      get: location.protocol.startsWith("http") ? `Download: ${download}` : "",
    });
    if (good) made.works = "a WebSocket opened, from a page of another site";
    const subject = `DSS: WebSocket to ${made.host}`;
    const message = { label: "Message to send", to, subject, text: globalThis.ticket.written(made) };
    result.replaceChildren(box, globalThis.messageBox(message));
  }

  async function run() {
    const { url, problem } = target(field.value);
    field.ariaInvalid = problem ? "true" : null;
    if (problem) return result.replaceChildren(make("p", {}, problem));
    const line = make("p", {});
    result.replaceChildren(line);
    button.disabled = true;
    const ask = " If your browser asks whether this site may reach your local network, allow it.";
    try {
      present(url, await tested(url, (text) => (line.textContent = text + ask)));
    } finally {
      button.disabled = false;
    }
  }

  // The Content-Security-Policy allows styles that a script sets one by one.
  Object.assign(field.style, {
    boxSizing: "border-box",
    width: "100%",
    padding: ".45rem .65rem",
    margin: ".25rem 0 .6rem",
    border: "1px solid var(--muted)",
    borderRadius: "6px",
    background: "var(--bg)",
    color: "inherit",
    font: ".875rem/1.5 var(--mono)",
  });
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  // A link such as test-your-connection.html#url=https://dss.example.com fills in the URL. It starts nothing.
  const filled = () => {
    const [, url] = location.hash.match(/^#url=(.*)$/) ?? [];
    if (!url) return;
    try {
      field.value = decodeURIComponent(url);
    } catch {
      field.value = url;
    }
    form.closest("section").scrollIntoView();
  };
  addEventListener("hashchange", filled);
  filled();
}
