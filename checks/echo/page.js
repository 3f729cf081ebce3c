// Test WebSocket as DSS uses it, and report to the server, which returns what that means.
{
  const { exchange, hold, open, random } = globalThis.connection;
  const find = (id) => document.getElementById(id);
  const { make } = globalThis.elements;
  const length = Number(document.body.dataset.hold);
  // Seconds to wait for a response; shorter only where the administrator asked for a short test.
  const timeout = Math.min(15, length);
  const visit = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const here = new URL(".", location.href);
  const tests = [];
  let status = 0;
  let message;

  const url = (path, test) => new URL(`${path}${path.includes("?") ? "&" : "?"}visit=${visit}&test=${test}`, here);
  const socketUrl = (path, test) => Object.assign(url(path, test), { protocol: location.protocol.replace("http", "ws") });
  const DSS = "dip/websocket?sessionId=websocket0";
  const NOTEBOOK = "jupyter/api/kernels/00000000-0000-0000-0000-000000000000/channels?session_id=websocket0";

  const show = (words, done) => {
    find("now").textContent = words;
    find("progress").value = done;
  };
  const note = (name, { socket, ...result }) => {
    tests.push({ name, ...result });
    return socket;
  };

  // What the browser reports goes to the server, which knows what arrived.
  async function report(final) {
    const [{ nextHopProtocol = "" } = {}] = performance.getEntriesByType("navigation");
    const body = JSON.stringify({ origin: location.origin, path: here.pathname, protocol: nextHopProtocol, status, final, tests });
    let problem;
    try {
      const response = await fetch(url("result", "result"), { method: "POST", body, cache: "no-store" });
      if (response.ok) return present(await response.json());
      problem = `status code ${response.status}`;
    } catch (error) {
      problem = error.message;
    }
    if (tests.some(({ outcome }) => outcome === "blocked")) return present({ ...POLICY, ...unsent(problem) });
    const bad = tests.filter(({ outcome }) => outcome !== "opened" && outcome !== "passed");
    present({
      id: "",
      title: bad.length ? "A test failed" : "All tests passed",
      summary: `The result did not reach the server (${problem}), so this page cannot explain it`,
      fix: "Send the text below to your administrator",
      owner: "",
      ...unsent(problem),
    });
  }

  // What the page shows where the server cannot judge.
  const unsent = (problem) => {
    const fine = ({ outcome }) => outcome === "opened" || outcome === "passed";
    return {
      candidates: [],
      rows: tests.map(({ name, outcome, seconds }) => ({ label: name, good: fine({ outcome }), text: `${outcome}, ${seconds} s` })),
      subject: "DSS: connection test",
      message: `${location.origin}${here.pathname}\n${navigator.userAgent}\nresult not sent: ${problem}\n${tests.map((each) => JSON.stringify(each)).join("\n")}`,
    };
  };
  const POLICY = {
    id: "csp-blocks",
    title: "A Content-Security-Policy blocks the WebSocket",
    summary: "A proxy adds a Content-Security-Policy to this page that forbids the WebSocket, so the browser does not open it",
    fix: "Allow WebSocket to this server in the connect-src of the policy that the reverse proxy adds",
    owner: "the DSS administrator",
  };

  const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "");

  function present(verdict) {
    const good = verdict.id === "works";
    find("result").hidden = find("tests").hidden = false;
    find("result").className = good ? "good" : "bad";
    find("title").textContent = verdict.title;
    find("summary").textContent = sentence(verdict.summary);
    const labelled = (label, text) => (text ? [make("strong", {}, label), " ", sentence(text)] : []);
    // A visitor cannot fix a cause, but can find out more where none is proven yet.
    const send = `send the message below to ${verdict.owner}`;
    find("next").replaceChildren(...labelled("What to do now:", good ? "" : verdict.id ? send : verdict.fix || send));
    find("owner").replaceChildren(
      ...(verdict.id ? labelled("What fixes it:", good ? "" : verdict.fix) : labelled("Who can fix it:", verdict.owner)),
    );
    find("possible").hidden = !verdict.candidates.length;
    find("causes").replaceChildren(...verdict.candidates.map(([, title]) => make("li", {}, title)));
    const row = ({ label, good: fine, text }) =>
      make(
        "li",
        { className: fine ? "good" : "bad" },
        make("span", { ariaHidden: "true" }, fine ? "✓" : "✗"),
        make("span", {}, make("strong", {}, `${label}: `), text),
      );
    find("rows").replaceChildren(...verdict.rows.map(row));
    const content = {
      label: "Message to send",
      to: good ? "your administrator" : verdict.owner || "your administrator",
      subject: verdict.subject,
      text: verdict.message,
    };
    if (message) message.update(content);
    else find("send").append((message = globalThis.messageBox(content)));
  }

  async function run() {
    show("Testing an ordinary request…", 0.05);
    try {
      const response = await fetch(url(DSS, "get"), { redirect: "manual", cache: "no-store" });
      status = response.type === "opaqueredirect" ? 302 : response.status;
    } catch {
      status = 0;
    }
    show("Opening a WebSocket, as DSS does…", 0.1);
    const first = await open(socketUrl(DSS, "plain"), { protocols: ["dummy"], timeout });
    const socket = note("plain", first);
    if (first.outcome === "failed") {
      show("It failed. Trying it twice more…", 0.15);
      for (const name of ["plain-2", "plain-3"]) note(name, await open(socketUrl(DSS, name), { protocols: ["dummy"], timeout }))?.close();
    }
    show("Opening the WebSocket of a notebook…", 0.2);
    if (first.outcome !== "blocked") note("jupyter", await open(socketUrl(NOTEBOOK, "jupyter"), { timeout }))?.close();
    if (here.pathname !== "/" && first.outcome === "opened") {
      show("Opening the WebSocket of DSS itself…", 0.22);
      const own = Object.assign(new URL(`/${DSS}`, here), { protocol: location.protocol.replace("http", "ws") });
      note("dss", await open(own, { protocols: ["dummy"], timeout }))?.close();
    }
    if (!socket) {
      await report(true);
      return show("The test has ended.", 1);
    }
    show("Sending messages…", 0.25);
    const reply = await exchange(socket, "hello", timeout);
    note("message", reply);
    // Seconds that each byte took: on a slow network, a large message takes long and is not lost.
    let pace = 0;
    for (const size of reply.outcome === "passed" ? [1024, 65536, 1 << 20, 4 << 20] : []) {
      const result = await exchange(socket, random(size), timeout + 2 * pace * size);
      note(`size-${size}`, result);
      pace = Math.max(0, result.seconds - reply.seconds) / size;
      if (result.outcome !== "passed") break;
    }
    socket.close();
    await report(false);
    if (reply.outcome === "passed") await keepOpen();
    await report(true);
    show("The test has ended.", 1);
  }

  async function keepOpen() {
    const began = performance.now();
    const tick = setInterval(() => {
      const left = Math.max(0, length - (performance.now() - began) / 1000);
      const words = `Keeping a WebSocket open: ${Math.ceil(left)} s left. Please leave this page open.`;
      show(words, 1 - (0.7 * left) / length);
    }, 1000);
    const held = [];
    for (const [name, every] of [["silent", 0], ["busy", Math.min(15, length / 5)]]) {
      const { socket, ...result } = await open(socketUrl(DSS, name), { protocols: ["dummy"], timeout });
      held.push([name, socket ? hold(socket, { length, every, timeout }) : result]);
    }
    for (const [name, result] of held) note(name, await result);
    clearInterval(tick);
  }

  run();
}
