// Search this site for what people type or paste. The index is in search-index.js; a pasted line stays in this browser.
{
  const root = new URL("..", document.currentScript.src);
  const { pages, messages } = globalThis.searchIndex;
  const MOST = 10;
  const OF_ONE_PAGE = 2;
  const CODE = /\b[1-5]\d\d\d?\b/g; // of a response, or of a WebSocket that closed
  const LEAST = 0.04; // of the score of the best result
  const SECOND = 0.6; // so that another page comes before a second section of the same one
  const ON_MISSING_PAGE = 5;
  const STEP_MS = 8;
  const STOP = new Set(
    "a about after all an and any are as at be but by can did do does for from get gets has have how i if in into is it its just me my no not of on or our so still that the their then there they this to until us very was we what when where which who why will with you your es im mit nicht nur der die das den dem ein eine wird und am auf bei le la les un une des du de est au aux et avec".split(" "),
  );

  // Words

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[’`]/g, "'").toLowerCase();

  function stem(word) {
    if (word.length < 5 || /[^a-z]/.test(word) || word === "https") return word;
    const found = word.replace(/ies$/, "y").replace(/([^su])s$/, "$1").replace(/(?<=...)(?:ing|ed)$/, "").replace(/(?<=...)e$/, "");
    return found.replace(/([bdgmnprt])\1$/, "$1");
  }

  // `proxy_read_timeout` is a word, and so are its parts; `BIG-IP` is `bigip` too.
  function words(text) {
    const found = [];
    for (const [word] of fold(text).matchAll(/[\p{L}\p{N}]+(?:[-_][\p{L}\p{N}]+|\/\d(?!\d))*/gu)) {
      const parts = word.split(/[-_/]/);
      if (parts.length > 1) found.push(parts.join(""));
      found.push(...parts.filter((part) => part.length > 1).map(stem));
    }
    return found;
  }
  const phrase = (text) => ` ${fold(text).match(/[\p{L}\p{N}]+/gu)?.join(" ") ?? ""} `;

  // Index

  const places = new Map(); // page and anchor -> entry
  const roots = []; // the entry of each page itself
  const headings = new Map(); // -> how many sections have it
  const all = []; // words
  const vocabulary = new Map(); // word -> entry -> weight
  const ofNames = new Map(); // the same, for titles, headings and aliases only
  const ofMessages = new Map();

  function add(target, word, entry, weight) {
    if (!target.has(word)) target.set(word, new Map());
    const weights = target.get(word);
    weights.set(entry, (weights.get(entry) ?? 0) + weight);
  }

  function short(text, entry, weight) {
    const own = new Set(words(text));
    const size = [...own].filter((word) => !STOP.has(word)).length || 1;
    for (const target of [vocabulary, ofNames]) for (const word of own) add(target, word, entry, weight / Math.sqrt(size));
  }

  function long(text, entry, weight) {
    const counts = new Map();
    for (const word of words(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const length = text.length / 800;
    for (const [word, count] of counts) add(vocabulary, word, entry, (weight * count) / (count + 0.4 + 0.8 * length));
  }

  function* addPage([url, description, aliases, kind, sections], page) {
    const title = sections[0]?.[1] ?? url;
    const narrow = sections.flatMap(([, , , , own]) => own);
    for (const [number, [anchor, heading, text, code, special]] of sections.entries()) {
      const own = number ? special : aliases;
      const entry = { page, number, title, heading, description: number ? "" : description, text, aliases: own };
      entry.url = new URL(number ? `${url}#${anchor}` : url, root).href;
      entry.names = [heading, ...own].map(phrase);
      entry.factor = { minor: 0.45, headings: 0.7 }[kind] ?? (number ? 0.9 : 1);
      places.set(`${page}#${anchor}`, entry);
      if (!number) roots[page] = entry;
      short(title, entry, number ? 3 : 9);
      if (number) short(heading, entry, 7);
      for (const alias of own) short(alias, entry, 9);
      for (const alias of number ? aliases : narrow) short(alias, entry, 3);
      if (!number) long(description, entry, 3);
      long(text, entry, 2.5);
      long(code, entry, 1.5);
      if (!number) short(url.replace(/^.*\/|\.\w+$/g, ""), entry, 6);
      yield headings.set(heading, (headings.get(heading) ?? 0) + 1);
    }
  }

  function addMessage([shown, more, causes, where, anchor]) {
    const parts = shown.split(/…| · /).map(phrase).filter((part) => part.trim().length > 7);
    const message = { shown, parts, words: new Set(words(shown)), causes: causes.map((page) => roots[page]) };
    message.codes = shown.match(CODE) ?? [];
    message.listed = places.get(`${where[0]}#${anchor}`);
    for (const word of message.words) add(ofMessages, word, message, 3);
    for (const word of new Set(words(more))) if (!message.words.has(word)) add(ofMessages, word, message, 1.8);
  }

  function* indexing() {
    for (const [number, page] of pages.entries()) yield* addPage(page, number);
    for (const message of messages) yield addMessage(message);
    all.push(...new Set([...vocabulary.keys(), ...ofMessages.keys()]));
  }

  const rest = indexing();
  // Return whether the index is complete.
  function index(ms = Infinity) {
    const end = performance.now() + ms;
    while (performance.now() < end) if (rest.next().done) return true;
    return false;
  }

  // Query

  const exists = (word) => vocabulary.has(word) || ofMessages.has(word);

  // At most one letter is missing, added, wrong or swapped.
  function alike(one, other) {
    if (Math.abs(one.length - other.length) > 1) return false;
    let start = 0;
    while (start < one.length && one[start] === other[start]) start++;
    const [a, b] = [one.slice(start), other.slice(start)];
    return (
      a.slice(1) === b.slice(1) ||
      a.slice(1) === b ||
      a === b.slice(1) ||
      (a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2))
    );
  }

  function similar(word, last) {
    const found = new Map(exists(word) ? [[word, 1]] : []);
    if (word.length > 1 && (last || !found.size))
      for (const other of all) if (other !== word && other.startsWith(word)) found.set(other, found.has(word) ? 0.25 : 0.7);
    // Short words have many neighbours, so their first letter must be right.
    if (!found.size && word.length > 3 && !/\d/.test(word))
      for (const other of all)
        if (other.length > 3 && (word.length > 4 || other[0] === word[0]) && alike(word, other)) found.set(other, 0.6);
    return found;
  }

  function split(word) {
    for (let place = 3; place < word.length - 1; place++) {
      const parts = [word.slice(0, place), word.slice(place)].map(stem);
      if (parts.every(exists)) return parts;
    }
    return [word];
  }

  // Each term is a map of words that it matches to how well they do.
  function terms(query, stop = STOP) {
    const typed = fold(query).replace(/[a-z]+:\/\/[^\s'"<>]+/g, " ").match(/[\p{L}\p{N}]+(?:[-_][\p{L}\p{N}]+|\/\d(?!\d))*/gu) ?? [];
    const wanted = typed.filter((word) => !stop.has(word));
    const found = [];
    found.unknown = [];
    wanted.forEach((word, number, list) => {
      const joined = word.replace(/[-_/]/g, "");
      if (joined !== word && exists(joined)) return found.push(new Map([[joined, 1]]));
      for (const part of joined === word ? [stem(word)] : words(word).filter((each) => each !== joined)) {
        const matches = similar(part, number === list.length - 1);
        const parts = matches.size && exists(part) ? [part] : split(word);
        if (parts.length > 1) found.push(...parts.map((each) => new Map([[each, 1]])));
        else if (matches.size) found.push(matches);
        else if (joined === word) found.unknown.push(word);
      }
    });
    // "web socket" is `websocket`, and "proxy read timeout" is `proxy_read_timeout`.
    for (let size = 2; size <= 4; size++)
      for (let start = 0; start + size <= found.length; start++) {
        const together = found.slice(start, start + size);
        const joined = typed.slice(typed.indexOf(wanted[start])).slice(0, size).join("");
        if (exists(joined)) for (const term of together) term.set(joined, 1);
      }
    return found.length || !stop.size ? found : terms(query, new Set());
  }

  function rate(target, found) {
    const scores = new Map();
    let whole = 0;
    for (const term of found) {
      const best = new Map();
      for (const [word, quality] of term)
        for (const [entry, weight] of target.get(word) ?? [])
          best.set(entry, Math.max(best.get(entry) ?? 0, weight * quality));
      const rarity = term.rarity;
      whole += rarity;
      for (const [entry, weight] of best) {
        const score = scores.get(entry) ?? { value: 0, covered: 0 };
        score.value += rarity * weight;
        score.covered += rarity;
        scores.set(entry, score);
      }
    }
    for (const score of scores.values()) score.coverage = score.covered / (whole || 1);
    return scores;
  }

  function search(query, onlyNames) {
    index();
    const found = terms(query);
    for (const term of found) {
      const matched = new Set();
      for (const word of term.keys())
        for (const target of [vocabulary, ofMessages]) for (const entry of target.get(word)?.keys() ?? []) matched.add(entry);
      const total = places.size + messages.length;
      term.rarity = Math.log(1 + (total - matched.size + 0.5) / (matched.size + 0.5));
    }
    const asked = phrase(query);
    const several = asked.trim().includes(" ");
    const scores = new Map();
    for (const [entry, { value, coverage }] of rate(onlyNames ? ofNames : vocabulary, found)) {
      if (onlyNames && entry.number) continue;
      let score = value * coverage ** 2 * entry.factor;
      if (entry.names.includes(asked)) score *= entry.number ? 1.8 : 2.5;
      else if (several && entry.names.some((name) => name.includes(asked))) score *= 1.6;
      else if (entry.names.some((name) => name.trim().includes(" ") && asked.includes(name))) score *= 1.5;
      else if (several && phrase(entry.text).includes(asked)) score *= 1.3;
      scores.set(entry, { score, quote: "" });
    }
    if (!onlyNames) rateMessages(found, query, scores);
    const sorted = [...scores].sort(([one, { score: a }], [other, { score: b }]) => b - a || one.page - other.page);
    return { found, results: best(sorted, found) };
  }

  function rateMessages(found, query, scores) {
    const asked = phrase(query);
    const codes = query.match(CODE) ?? [];
    const ofEntry = new Map();
    for (const [message, { value, coverage }] of rate(ofMessages, found)) {
      const whole = message.parts.length && message.parts.some((part) => asked.includes(part));
      const own = found.filter((term) => [...term.keys()].some((word) => message.words.has(word))).length;
      const complete = own / message.words.size;
      const other = codes.length && message.codes.length && !message.codes.some((code) => codes.includes(code));
      const fit = Math.max(coverage, whole ? 0.9 : 0) ** 2 * (0.5 + 0.5 * Math.min(complete, 1)) * (whole ? 1.5 : 1);
      const score = value * fit * (other ? 0.1 : 1);
      message.causes.forEach((entry, place) => {
        if (!ofEntry.has(entry)) ofEntry.set(entry, []);
        ofEntry.get(entry).push([score * [1, 0.8, 0.65, 0.55][place] * (message.causes.length === 1 ? 1.1 : 1), message.shown]);
      });
      if (message.listed) {
        if (!ofEntry.has(message.listed)) ofEntry.set(message.listed, []);
        ofEntry.get(message.listed).push([score * 0.5, message.shown]);
      }
    }
    for (const [entry, list] of ofEntry) {
      list.sort(([a], [b]) => b - a);
      const gained = list.slice(0, 5).reduce((sum, [score], place) => sum + score * 0.5 ** place, 0) * 0.8;
      const before = scores.get(entry)?.score ?? 0;
      scores.set(entry, { score: before + gained, quote: gained > before ? list[0][1] : "" });
    }
  }

  function best(sorted, found) {
    const counts = new Map();
    const kept = [];
    for (const [entry, { score, quote }] of sorted) {
      if (score < LEAST * sorted[0][1].score) break;
      const count = counts.get(entry.page) ?? 0;
      if (count < OF_ONE_PAGE) kept.push({ entry, quote, score: count ? score * SECOND : score });
      counts.set(entry.page, count + 1);
    }
    kept.sort((one, other) => other.score - one.score);
    return kept.slice(0, MOST).map(({ entry, quote }) => ({ entry, snippet: snippet(entry, quote, found) }));
  }

  // The sentence with the rarest words of the query, cut to what fits on two lines.
  function snippet(entry, quote, found) {
    const worth = (line) => {
      const own = new Set(words(line));
      return found.reduce((sum, term) => sum + ([...term.keys()].some((word) => own.has(word)) ? term.rarity : 0), 0);
    };
    const lines = [...(entry.description ? [entry.description] : []), ...entry.text.split("\n")];
    let line = lines[0] ?? "";
    let most = worth(line);
    for (const other of lines) {
      const value = worth(other);
      if (value > most * 1.001) [line, most] = [other, value];
    }
    if (quote && worth(quote) >= most) line = lines[0] ? `${quote} · ${lines[0]}` : quote;
    if (line.length <= 220) return line;
    const hit = [...line.matchAll(/[\p{L}\p{N}_-]+/gu)].find(([word]) => worth(word) > 0)?.index ?? 0;
    const start = hit < 120 ? 0 : line.indexOf(" ", hit - 60) + 1;
    return `${start ? "… " : ""}${line.slice(start, start + 200).replace(/\s+\S*$/, "")} …`;
  }

  // Page

  const { make } = globalThis.elements;
  const form = document.getElementById("search-form");
  const field = form.elements.q;
  const status = document.getElementById("search-status");
  const list = document.getElementById("search-results");
  const meaning = document.getElementById("search-meaning");
  const none = document.getElementById("search-none");
  const explain = document.getElementById("search-explain");
  const title = document.title;
  const missing = explain ? "" : inUrl();

  // The words in the URL of a page that does not exist.
  function inUrl() {
    const path = location.pathname.slice(root.pathname.length).replace(/%[\dA-F]{2}/gi, " ");
    return path.replace(/\.\w+$|\bindex\b/g, "").replace(/[\W_]+/g, " ").trim();
  }

  function marked(text, found) {
    const matched = new Set(found.flatMap((term) => [...term.keys()]));
    const hit = (part) => words(part).some((word) => matched.has(word));
    const parts = [];
    for (const [number, part] of text.split(/([\p{L}\p{N}_-]+)/u).entries()) {
      const before = parts.at(-2);
      if (!(number % 2 && hit(part))) parts.push(part);
      else if (parts.at(-1) === " " && before instanceof Element) parts.splice(-1, 1) && before.append(` ${part}`);
      else parts.push(make("mark", {}, part));
    }
    return parts;
  }

  function item({ entry, snippet: text }, found) {
    const repeated = headings.get(entry.heading) > 2; // such as "Fix"
    const name = entry.number && repeated ? `${entry.title}: ${entry.heading}` : entry.heading;
    const made = make("li", {}, make("a", { href: entry.url }, name));
    if (entry.number && !repeated) made.append(make("p", {}, "On the page ", make("em", {}, entry.title)));
    if (text) made.append(make("p", {}, ...marked(text, found)));
    return made;
  }

  function show() {
    const query = field.value.trim();
    const onlyNames = query && query === missing;
    const { found, results } = query ? search(query, onlyNames) : { found: Object.assign([], { unknown: [] }), results: [] };
    if (onlyNames) results.splice(ON_MISSING_PAGE);
    list.replaceChildren(...results.map((result) => item(result, found)));
    none.hidden = query.length < 2 || results.length > 0;
    announce(query, results.length, found.unknown);
  }

  let waiting;
  function announce(query, count, unknown) {
    const short = query.length > 60 ? `${query.slice(0, 60)}…` : query;
    let text = count === 1 ? `1 result for “${short}”` : `${count} results for “${short}”`;
    if (explain && query.split(/\s+/).length < 5 && unknown.length) text += `. No page has “${unknown.join("” or “")}”.`;
    if (!count) text = `Nothing found for “${short}”. Try one word, a status code such as 502, or the name of a product.`;
    // A screen reader reads the number once, when the typing stops.
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      status.textContent = query.length > 1 ? text : "";
      if (!explain) return;
      explainLine(query, count);
      document.title = query ? `${short} – ${title}` : title;
      remember(query);
    }, status.textContent ? 300 : 0);
  }

  function explained({ symptom }) {
    const more = make("a", { href: "#search-explain" }, "See the whole explanation, with a message to send");
    more.addEventListener("click", (event) => {
      event.preventDefault(); // the fragment keeps the line
      explain.scrollIntoView();
      explain.focus();
    });
    const about = document.getElementById("symptom").summary("What this line means", symptom);
    about.append(make("p", {}, more, "."));
    return [about];
  }

  // A pasted line is explained too, as in the field that explains lines.
  const isLine = (query) => query.split(/\s+/).length > 5 || /['"{}[\]<>=]|: |::|_.*_|\w[.:]\w/.test(query);

  async function explainLine(query, count) {
    const box = document.getElementById("symptom");
    const understood = isLine(query) && box?.read && (await box.read(query)).readings.length > 0;
    if (field.value.trim() !== query) return;
    const wanted = understood || (query.length > 1 && !count);
    explain.hidden = !wanted;
    meaning.replaceChildren(...(understood ? explained((await box.read(query)).readings[0]) : []));
    const pasted = document.getElementById("symptom-text");
    if (!wanted || !pasted) return;
    pasted.value = query;
    pasted.dispatchEvent(new Event("input"));
  }

  // Browsers send no fragment to the server, so a line with names of hosts goes there.
  function remember(query) {
    const address = new URL(location.href);
    const words = query ? new URLSearchParams({ q: query }).toString() : "";
    address.search = isLine(query) ? "" : words;
    address.hash = isLine(query) ? words : "";
    if (address.href !== location.href) history.replaceState(null, "", address);
  }

  // `#q=` comes from the search field of the other pages, because browsers send no fragment to the server.
  const given = (text) => new URLSearchParams(text.slice(1)).get("q");
  field.value = given(location.hash) ?? given(location.search) ?? missing;
  field.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  addEventListener("hashchange", () => {
    if (given(location.hash) === null) return;
    field.value = given(location.hash);
    show();
  });

  // On a phone, the index takes longer than a touch may wait. Without words of a reader, it is built in steps.
  function prepare() {
    if (index(STEP_MS)) show();
    else setTimeout(prepare);
  }
  if (explain && field.value) show();
  else prepare();
  if (explain && !field.value) field.focus();
}
