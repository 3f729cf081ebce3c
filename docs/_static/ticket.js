// Write the ticket that `checks note` writes, from the same texts: docs/_ext/ticket.py takes them from
// checks/report/ticket.py, and a test compares the two.
{
  const data = () => globalThis.ticketData;
  const fill = (name, values = {}) => data().texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

  // report/text.py

  const visible = (sign) => {
    if (sign === " " || !/[\p{C}\p{Z}]/u.test(sign)) return sign;
    if (/\p{Zs}/u.test(sign)) return " ";
    const short = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[sign];
    const code = sign.codePointAt(0);
    const [letter, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
    return short ?? `\\${letter}${code.toString(16).padStart(width, "0")}`;
  };

  function clean(text, limit = 300) {
    const signs = [...String(text)];
    return signs.slice(0, limit).map(visible).join("") + (signs.length > limit ? "..." : "");
  }

  // report/ticket.py

  const literal = (text, limit) => clean(text, limit).replace(/[`<[\\]/g, "\\$&");

  function block(lines) {
    const ticks = Math.max(2, ...(lines.join("\n").match(/`+/g) ?? []).map((each) => each.length));
    const fence = "`".repeat(ticks + 1);
    return [`${fence}text`, ...lines, fence];
  }

  function verdict({ works, causes, candidates, next }, escape) {
    const { longest } = data();
    if (works) return [fill("works", { proof: escape(works, longest) })];
    const lines = causes.flatMap((each) => [
      ...[fill("cause", each), "", fill("summary", each), ""],
      ...[fill("proof", { proof: escape(each.proof, longest) }), "", fill("fix", each), "", fill("more", each), ""],
    ]);
    if (lines.length) return lines.slice(0, -1);
    lines.push(fill("unproven"));
    if (candidates.length) lines.push(fill("candidates"), "", ...candidates.map((each) => `- ${each}`));
    if (next) lines.push("", fill("next", { next: escape(next, longest) }));
    return lines;
  }

  const asPlain = (text) =>
    text
      .replace(/^`{3,}(text)?$\n?/gm, "")
      .replace(/^#+ (.*)$/gm, (_, head) => `${head}\n${"-".repeat([...head].length)}`)
      .replace(/^\*\*(.+)\*\* \(/gm, "$1 (")
      .trim();

  function written(made, { plain = true } = {}) {
    const escape = plain ? clean : literal;
    const fact = ([name, value]) => fill(name.endsWith("?") ? "answer" : "fact", { name, value: escape(value) });
    const text = [
      ...[`# ${fill(made.port ? "title" : "untitled", { host: escape(made.host), port: made.port })}`, ""],
      ...[...verdict(made, escape), ""],
      ...made.facts.map(fact),
      ...["", fill(made.heading), "", ...block(made.lines), ""],
      ...[fill(made.ending), "", ...block([made.command])],
      ...(made.get ? ["", made.get] : []),
    ];
    const joined = text.join("\n").replace(/\n{3,}/g, "\n\n");
    return plain ? asPlain(joined) : joined;
  }

  function reported({ socket, lines, meaning = "", possible = [], answers = [], command, get = "", page = () => "" }) {
    const { longest, causes } = data();
    const secure = socket ? socket.scheme === "wss" : true;
    const host = socket ? socket.host.replace(/^\[|\]$/g, "") : fill("unknown-host");
    const port = socket ? socket.port : "";
    const named = socket ? socket.host : fill("example");
    const place = `${named}${["", secure ? "443" : "80"].includes(port) ? "" : `:${port}`}`;
    const made = { host, port, works: "", causes: [], candidates: [], next: "", facts: [], get };
    if (socket) made.facts.push([fill("address"), fill(secure ? "tls" : "plain", { host, port })]);
    if (socket?.origin) made.facts.push([fill("socket"), `${socket.origin}${socket.path}`]);
    if (meaning) made.facts.push([fill("meaning"), meaning]);
    made.facts.push(...answers);
    Object.assign(made, { heading: "reported", lines: lines.map((line) => clean(line, longest)), ending: "test" });
    made.command = `${command} ${secure ? "https" : "http"}://${place}`;
    const [id] = possible.length === 1 ? possible[0] : [""];
    if (!causes[id]) return { ...made, candidates: possible.map(([name, title]) => `${title} (${name})`) };
    const more = page(id) || causes[id].page || `${command.replace(/diagnose$/, "explain")} ${id}`;
    return { ...made, causes: [{ id, ...causes[id], proof: fill("as-reported"), more }] };
  }

  globalThis.ticket = { clean, reported, written };
}
