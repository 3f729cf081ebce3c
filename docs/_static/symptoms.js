// Read what people paste about a WebSocket, as checks/symptoms does; what you paste never leaves this browser.
{
  const box = document.getElementById("symptom");
  const at = document.currentScript.src;
  const { make } = globalThis.elements;
  const { kept, loadScript } = globalThis.site;
  const size = (text) => (/[\ud800-\udfff]/.test(text) ? [...text].length : text.length);
  let known;

  // The data is larger than the page, so it is loaded when somebody uses the field. A page on a disk cannot fetch it.
  let loading;
  const load = () =>
    (loading ??= Promise.all(
      ["symptoms-data.js", "ticket-data.js", "ticket.js", "message.js"].map((name) => loadScript(name, box.dataset.version)),
    ).then(() => {
      known = globalThis.symptomData;
      for (const [name, [pattern, flags]] of Object.entries(known.patterns)) known[name] = new RegExp(pattern, flags);
      const everywhere = ["blanks", "breaks", "dashes", "each", "entity", "escapes", "invisible", "page", "query"];
      for (const name of [...everywhere, "quotes", "url"])
        known[name] = new RegExp(known[name].source, `${known[name].flags}g`);
      known.typos = known.typos.map(([right, [pattern, flags]]) => [right, new RegExp(pattern, `${flags}g`)]);
      const gates = new Map();
      known.symptoms.forEach((each, number) => {
        const { weight = 0, causes = [], clauses = [] } = each;
        const regex = new RegExp(each.pattern, each.case ? "u" : "iu");
        if (each.gate) gates.set(each.gate, gates.get(each.gate) ?? new RegExp(each.gate, "iu"));
        if (each.digits) each.digits = new RegExp(each.digits, "iu");
        Object.assign(each, { number, weight, causes, clauses, regex, gate: gates.get(each.gate) });
      });
      index();
    }));

  // text.py

  const plain = (text) =>
    text.replace(known.escapes, "").replace(known.invisible, "").replace(known.breaks, "\n").replace(known.each, "$1");

  function normal(text) {
    let found = text.normalize("NFC").replace(known.entity, (entity) => known.entities[entity.toLowerCase()]);
    found = found.replace(known.quotes, "'").replace(known.dashes, "-").replace(known.blanks, " ");
    for (const [right, wrong] of known.typos) found = found.replace(wrong, right);
    return found.replace(known.query, "$1");
  }

  function withoutSource(line) {
    const signs = [...line];
    return signs.slice(0, -known.tail).join("") + signs.slice(-known.tail).join("").replace(known.source, "");
  }

  function paragraphs(text) {
    const found = [[]];
    const all = plain(text);
    const normalised = normal(all).split("\n");
    all.split("\n").forEach((pasted, number) => {
      const line = { pasted, text: withoutSource(normalised[number].replace(/^ +| +$/g, "")), size: size(pasted) };
      if (found.at(-1).length && (!line.text || known.start.test(line.text))) found.push([]);
      if (line.text) found.at(-1).push(line);
    });
    return found.filter((lines) => lines.length);
  }

  // prefilter.py

  const heads = new Map();
  const short = new Set();
  const considered = new Map();
  const always = [];

  function index() {
    for (const symptom of known.symptoms) {
      if (!symptom.clauses.length) always.push(symptom);
      for (const [key, ...others] of symptom.clauses) {
        for (const literal of key) {
          if (!considered.has(literal)) considered.set(literal, []);
          considered.get(literal).push({ symptom, others });
        }
        for (const literal of [key, ...others].flat()) {
          const head = literal.slice(0, known.head);
          if (head.length < known.head) short.add(literal);
          else heads.set(head, (heads.get(head) ?? new Set()).add(literal));
        }
      }
    }
  }

  function possible(lowered) {
    const begun = new Set();
    for (let place = 0; place + known.head <= lowered.length; place++) {
      const head = lowered.slice(place, place + known.head);
      if (heads.has(head)) begun.add(head);
    }
    const present = new Set([...short].filter((part) => lowered.includes(part)));
    for (const head of begun) for (const part of heads.get(head)) if (lowered.includes(part)) present.add(part);
    const found = new Set(always);
    for (const literal of present) {
      for (const { symptom, others } of considered.get(literal) ?? []) {
        if (others.every((texts) => texts.some((part) => present.has(part)))) found.add(symptom);
      }
    }
    return found;
  }

  // match.py

  const lineAt = (ends, place) => {
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (place < ends[middle]) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  function admitted(text, allowed) {
    const likely = [...possible(text.toLowerCase())].filter((each) => allowed.has(each)).sort((one, other) => one.number - other.number);
    const opened = new Map();
    return likely.filter(({ digits, gate }) => {
      if (digits && !digits.test(text)) return false;
      if (!opened.has(gate)) opened.set(gate, !gate || gate.test(text));
      return opened.get(gate);
    });
  }

  const cut = (line, following, width) =>
    line.size === width && !/(?:^|[ \t])$/.test(line.pasted) && !/^(?:[ \t]|$)/.test(following.pasted);

  function asPasted({ lines, widest }, first, last) {
    const own = lines.slice(first, last + 1);
    const part = (line, number) =>
      line.pasted.trim() + (number + 1 < own.length && cut(line, own[number + 1], widest) ? "" : " ");
    const text = own.map(part).join("").trim();
    return first && cut(lines[first - 1], own[0], widest) ? text.replace(known.begun, "...") : text;
  }

  function join(lines, width) {
    let text = "";
    const ends = [];
    lines.forEach((line, number) => {
      text += line.text;
      ends.push(text.length);
      const following = lines[number + 1];
      const hyphen = /[^ ]-$/.test(line.text);
      if (following && !hyphen && !cut(line, following, width)) text += " ";
    });
    return { text, ends };
  }

  function joinedIn(lines, widest) {
    const joined = [join(lines, 0)];
    if (lines.slice(0, -1).some((line) => line.size === widest)) joined.push(join(lines, widest));
    return joined;
  }

  function entry(lines) {
    let widest = 0;
    for (const line of lines) widest = Math.max(widest, line.size);
    return { lines, joined: joinedIn(lines, widest), widest };
  }

  function windows({ lines, joined, widest }) {
    if (lines.length <= known.window) return joined.map((each) => [0, each]);
    const found = [];
    for (let start = 0; start < lines.length - known.window / 2; start += known.window / 2)
      for (const each of joinedIn(lines.slice(start, start + known.window), widest)) found.push([start, each]);
    return found;
  }

  function find(each, allowed) {
    const { lines } = each;
    const matches = [];
    lines.forEach(({ text }, number) => {
      for (const symptom of admitted(text, allowed)) {
        const found = symptom.regex.exec(text);
        if (found) matches.push({ symptom, first: number, last: number, length: size(found[0]) });
      }
    });
    for (const [start, { text, ends }] of lines.length > 1 ? windows(each) : []) {
      for (const symptom of admitted(text, allowed)) {
        for (const found of text.matchAll(new RegExp(symptom.regex.source, `g${symptom.regex.flags}`))) {
          const first = lineAt(ends, found.index);
          const last = lineAt(ends, Math.max(found.index, found.index + found[0].length - 1));
          if (first < last) matches.push({ symptom, first: start + first, last: start + last, length: size(found[0]) });
        }
      }
    }
    const rank = ({ symptom, length, first }) => [symptom.harmless ? 0 : 1, -symptom.weight, -length, first];
    const best = [];
    const taken = new Set();
    for (const match of sorted(matches, rank)) {
      const own = lines.slice(match.first, match.last + 1).map((_, number) => match.first + number);
      if (own.some((number) => taken.has(number))) continue;
      best.push(match);
      for (const number of own) taken.add(number);
    }
    return sorted(best, ({ first }) => [first]);
  }

  function sorted(list, rank) {
    const ranked = list.map((value) => [rank(value), value]);
    ranked.sort(([a], [b]) => {
      const differs = a.findIndex((part, number) => part !== b[number]);
      return differs < 0 ? 0 : a[differs] < b[differs] ? -1 : 1;
    });
    return ranked.map(([, value]) => value);
  }

  // sockets.py

  function split(authority) {
    const place = authority.slice(authority.lastIndexOf("@") + 1).replace(/[.,;)]+$/, "").toLowerCase();
    const port = place.match(/^(.*):([0-9]+)$/su);
    return port ? [port[1], port[2]] : [place.replace(/:+$/, ""), ""];
  }

  function socketsIn(text) {
    return [...text.matchAll(known.url)].map(({ index, 1: scheme, 2: authority, 3: path = "" }) => {
      const [host, port] = split(authority);
      const name = scheme.toLowerCase();
      return {
        place: index,
        scheme: name,
        host,
        path,
        fits: known.host.test(host) && Number(port || 1) < 65536,
        origin: `${name}://${host}${port && ":"}${port}`,
        key: [name, host, port || known.ports[name]].join(" "),
        port: port || known.ports[name],
        loopback: known.loopback.test(host),
      };
    });
  }

  function pagesIn(text) {
    const pages = [];
    for (const { index, 1: scheme, 2: authority } of text.matchAll(known.page)) {
      if (text.slice(Math.max(0, index - 12), index).includes("upstream")) continue;
      const [host, port] = split(authority);
      pages.push({ scheme: scheme.toLowerCase(), host, port: port || known.ports[scheme.toLowerCase()] });
    }
    return pages;
  }

  function evidence(socket, pages) {
    const own = pages.filter(({ host }) => host === socket.host);
    return [
      socket.loopback && "loopback",
      socket.scheme === "ws" && own.some(({ scheme }) => scheme === "https") && "https-page",
      own.length && !own.some(({ port }) => port === socket.port) && "other-port",
    ];
  }

  function allowed(causes, socket) {
    const excluded = [...(socket.scheme === "ws" ? known.unencrypted : []), ...(socket.loopback ? known.elsewhere : [])];
    const instead = (cause) => (socket.scheme === "wss" && cause === "forward-proxy-blocks" ? "tls-interception" : cause);
    const left = [...new Set(causes.map(instead))].filter((cause) => !excluded.includes(cause));
    return left.length ? left : causes;
  }

  // answer.py

  function shortened(text) {
    if (size(text) <= known.limit) return text;
    const half = known.limit / 2;
    const signs = [...text];
    return `${signs.slice(0, half).join("")}\n\n${signs.slice(-half).join("")}`;
  }

  function quoted(text) {
    const lines = paragraphs(shortened(text)).flat().slice(0, known.quoted);
    return lines.map(({ pasted }) => [...withoutSecrets(pasted.trim())].slice(0, known.shown).join(""));
  }

  function socketIn(text) {
    const lines = paragraphs(shortened(text)).map((each) => entry(each).joined.at(-1).text);
    return lines.flatMap(socketsIn)[0];
  }

  function read(text) {
    const cut = size(text) > known.limit;
    const entries = paragraphs(shortened(text)).map(entry);
    const lowered = entries.map(({ joined }) => joined.at(-1).text.toLowerCase()).join("\n");
    const about = known.about.test(lowered);
    const count = entries.reduce((sum, { lines }) => sum + lines.length, 0);
    const fits = ({ lines, needs }) => (!lines || count <= lines) && (about || !needs);
    const allowed = new Set(known.symptoms.filter(fits));
    const pages = pagesIn(lowered);
    const found = entries.flatMap((each) => readings(each, allowed, pages));
    return { readings: ranked(counted(found), pages), cut, about };
  }

  function readings(each, allowed, pages) {
    const { text, ends } = each.joined.at(-1);
    const likely = each.joined.flatMap((joined) => [...possible(joined.text.toLowerCase())]);
    if (!likely.some((symptom) => allowed.has(symptom))) return [];
    if (known.foreign.test(text) && !known.surely.test(text)) return [];
    const places = socketsIn(text);
    const shown = places.flatMap((socket) => evidence(socket, pages));
    const fits = (symptom) => allowed.has(symptom) && (!symptom.when || shown.includes(symptom.when));
    return find(each, new Set(likely.filter(fits))).map(({ symptom, first, last }) => {
      const start = first ? ends[first - 1] : 0;
      const inside = places.find(({ place }) => start <= place && place < ends[last]);
      const socket = inside ?? places.findLast(({ place }) => place < start);
      const line = asPasted(each, first, last);
      return { symptom, line, count: 1, socket, named: Boolean(socket), causes: symptom.causes };
    });
  }

  function counted(found) {
    const all = new Map();
    for (const reading of found) {
      const key = `${reading.symptom.number} ${reading.socket?.key ?? ""}`;
      const before = all.get(key);
      all.set(key, before ? { ...before, count: before.count + reading.count } : reading);
    }
    return [...all.values()];
  }

  function ranked(all, pages) {
    const serious = all.filter(({ symptom }) => !symptom.harmless);
    const found = serious.length ? serious : all;
    const named = new Map();
    for (const { socket, count } of found) {
      if (!socket) continue;
      const before = named.get(socket.key);
      const better = before && known.dss.test(socket.path) && !known.dss.test(before.socket.path);
      named.set(socket.key, {
        socket: before && !better ? before.socket : socket,
        count: (before?.count ?? 0) + count,
      });
    }
    const order = sorted([...named.values()], ({ socket, count }) => [
      socket.loopback ? 1 : 0,
      known.dss.test(socket.path) ? 0 : 1,
      pages.some(({ host }) => host === socket.host) ? 0 : 1,
      -count,
      socket.scheme,
      socket.host,
      socket.port,
    ]).map(({ socket }) => socket);
    const main = order[0]?.loopback ? undefined : order[0];
    const alone = found.filter(({ socket }) => !socket).map((reading) => ({ ...reading, socket: main }));
    const ofSocket = new Map(order.map(({ key }) => [key, []]));
    for (const reading of found) if (reading.socket) ofSocket.get(reading.socket.key).push(reading);
    const groups = order.map((socket) => {
      const own = ofSocket.get(socket.key);
      return ofOne(socket === main ? counted([...own, ...alone]) : own);
    });
    return [...(main ? [] : ofOne(alone)), ...groups.flat()];
  }

  function ofOne(found) {
    const best = Math.max(...found.map(({ symptom }) => symptom.weight));
    const kept = found.filter(({ symptom }) => symptom.weight >= Math.min(best, 0));
    const most = Math.max(0, ...kept.filter(({ named }) => named).map(({ count }) => count));
    const order = sorted(kept, ({ symptom, causes, count, named }) => [
      named && count * known.rare <= most ? 1 : 0,
      causes.length ? 0 : 1,
      symptom.weight >= known.log ? 0 : 1,
      causes.length,
      -count,
      symptom.pattern,
    ]);
    return order.map((reading) => {
      const causes = reading.socket ? allowed(reading.causes, reading.socket) : reading.causes;
      return { ...reading, causes: causes.slice(0, known.most) };
    });
  }

  function withoutSecrets(line) {
    const all = (name) => new RegExp(known[name].source, "giu");
    const masked = (_, scheme, place, query) => scheme + place + (query ? "?..." : "");
    return line.replace(all("secrets"), masked).replace(all("arguments"), "$1...");
  }

  function hidden(line) {
    const short = withoutSecrets(line);
    const signs = [...short];
    return signs.length > known.shown ? `${signs.slice(0, known.shown).join("")}...` : short;
  }

  // The field

  const without = new Set(box.dataset.without.split(" "));
  const titleOf = (id) => globalThis.ticketData.causes[id]?.title ?? globalThis.ticketData.others[id] ?? id;
  const pageOf = (id) => (without.has(id) ? "" : `${box.dataset.folder}${id}.html`);
  const field = box.querySelector("textarea");
  const result = box.querySelector("div");
  const further = make("div", {});
  box.append(further);

  // Text in which `code` becomes code.
  const withCode = (text) => text.split("`").map((part, number) => (number % 2 ? make("code", {}, part) : part));

  function cause(id) {
    const [title, href] = [titleOf(id), pageOf(id)];
    return make("li", { className: "cause" }, href ? make("a", { href }, title) : title);
  }

  // What a symptom means, below a heading.
  function summary(heading, { means, next }, first = []) {
    const about = make("div", { className: "admonition" }, make("p", { className: "admonition-title" }, heading), ...first);
    about.append(make("p", {}, ...withCode(means)));
    about.append(make("p", {}, make("strong", {}, "Look at this first: "), ...withCode(next)));
    return about;
  }

  function explained({ symptom, line, count, socket, causes }, several) {
    const heading = hidden(line) + (count > 1 ? ` (${count} times)` : "");
    const about = summary(heading, symptom, several && socket ? [make("p", {}, make("code", {}, socket.origin))] : []);
    if (causes.length) about.append(make("p", {}, causes.length > 1 ? "Possible causes, the likeliest first:" : "Cause:"));
    if (causes.length) about.append(make(causes.length > 1 ? "ol" : "ul", {}, ...causes.map(cause)));
    return about;
  }

  function notKnown(about) {
    const title = about ? "This text mentions a WebSocket, but its message is not known here" : "No WebSocket error found";
    const text = "Three questions narrow the cause down. Your replies become part of the message below.";
    return make(
      "div",
      { className: "admonition warning" },
      make("p", { className: "admonition-title" }, title),
      make("p", {}, text),
    );
  }

  // The questions stay while you type, so that your replies do.
  const replies = new Map();
  let questions;
  let message;

  function ask() {
    return known.questions.map(([question, meaning], number) => {
      const choice = make("select", { id: `symptom-question-${number}` });
      choice.append(...["I did not try", ...known.replies[number]].map((text) => make("option", {}, text)));
      Object.assign(choice.style, { font: "inherit", maxWidth: "100%" });
      const hint = make("p", { hidden: true }, ...withCode(meaning));
      choice.addEventListener("change", () => {
        if (choice.selectedIndex) replies.set(question, choice.value);
        else replies.delete(question);
        hint.hidden = !choice.selectedIndex;
        show();
      });
      return make("div", {}, make("p", {}, make("label", { htmlFor: choice.id }, question, " "), choice), hint);
    });
  }

  const recipient = (causes) => {
    const owners = new Set(causes.map((id) => globalThis.ticketData.causes[id]?.owner).filter(Boolean));
    return owners.size === 1 ? [...owners][0] : "the DSS administrator or your network team";
  };

  const absolute = (id) => (location.protocol.startsWith("http") && pageOf(id) ? new URL(pageOf(id), location).href : "");

  const download = () => {
    const { href } = new URL("../reference/diagnose.html", at);
    return location.protocol.startsWith("http") ? `Download: ${href}` : "";
  };

  // The same content as `checks note --console`.
  function reported(text, found, options = {}) {
    const first = found[0];
    const socket = first ? first.socket : socketIn(text);
    const named = socket?.fits ? socket : options.instead;
    const given = { command: "python websocket-doctor.pyz diagnose", ...options, socket: named };
    if (!first) return globalThis.ticket.reported({ lines: quoted(text), ...given });
    const { symptom, causes, line } = first;
    const possible = causes.map((id) => [id, titleOf(id)]);
    return globalThis.ticket.reported({ lines: [hidden(line)], meaning: symptom.means.replace(/\.+$/, ""), possible, ...given });
  }

  // The field for the address stays too. guide.js keeps what is entered there for the other messages.
  let address;

  function askAddress() {
    const entry = make("input", { id: "symptom-address", type: "url", autocomplete: "off", spellcheck: false });
    Object.assign(entry, { placeholder: "https://dss.example.com", value: kept().address ?? "" });
    entry.addEventListener("input", () => {
      box.take(entry.value);
      show();
    });
    const label = make("label", { htmlFor: entry.id }, "URL of your DSS, for the message");
    return make("div", { className: "address" }, label, entry);
  }

  // Keep the address of DSS that the text names. A page of DSS may open the WebSocket of another server too.
  let before;
  function keep(text, socket) {
    if (text === before) return;
    before = text;
    const own = socket?.fits && (known.dss.test(socket.path) || socket.path.length < 2) && socket.origin;
    const named = own || text.match(/\bCONNECT ([^\s:/]+:\d+)/)?.[1] || text.trim().match(/^https?:\/\/\S+$/i)?.[0];
    const found = named && box.place(named);
    if (!found) return;
    box.take(found.url);
    if (address) address.querySelector("input").value = found.url;
  }

  // The server, if the text names none.
  function entered() {
    const found = box.place(address.querySelector("input").value.trim());
    return found ? { ...found, scheme: found.url.startsWith("https") ? "wss" : "ws" } : undefined;
  }

  function tell(text, found) {
    const causes = found[0]?.causes ?? [];
    keep(text, found[0] ? found[0].socket : socketIn(text));
    address ??= askAddress();
    const made = reported(text, found, { answers: [...replies], page: absolute, get: download(), instead: entered() });
    address.hidden = made.facts.some(([name]) => name === globalThis.ticketData.texts.socket);
    const content = {
      label: "Message to send",
      to: recipient(causes),
      subject: `DSS: WebSocket to ${made.host} fails`,
      text: globalThis.ticket.written(made),
    };
    if (message) message.update(content);
    else message = globalThis.messageBox(content);
    questions ??= make("div", {}, ...ask());
    questions.hidden = causes.length === 1;
    if (!further.firstChild) further.append(questions, address, message);
  }

  async function show() {
    const text = field.value;
    if (!text.trim()) {
      result.replaceChildren();
      return further.replaceChildren();
    }
    await load();
    const { readings: found, cut, about } = read(text);
    const several = new Set(found.map(({ socket }) => socket?.origin).filter(Boolean)).size > 1;
    const parts = found.slice(0, 6).map((reading) => explained(reading, several));
    if (!parts.length) parts.push(notKnown(about));
    if (cut) parts.push(make("p", {}, `The text is long, so this page read only its first and its last ${(known.limit / 2).toLocaleString("en")} characters.`));
    result.replaceChildren(...parts);
    tell(text, found);
  }
  field.addEventListener("input", show);
  // The tests read many texts.
  const loaded =
    (act) =>
    async (...given) => (await load(), act(...given));
  const written = (text, plain, command) =>
    globalThis.ticket.written(reported(text, read(text).readings, { command }), { plain });
  Object.assign(box, { read: loaded(read), written: loaded(written), shortened: hidden, summary });
  // What was pasted before this script was there.
  load().then(show);
}
