// What the modules of checks/lint use of Python, for their translation to JavaScript (docs/_ext/javascript.py).
const $ = {
  T: (value) =>
    Array.isArray(value) ? value.length > 0 : value instanceof Map ? value.size > 0 : Boolean(value),
  or: (value, other) => ($.T(value) ? value : other()),
  and: (value, other) => ($.T(value) ? other() : value),
  iter: (value) => (value instanceof Map ? [...value.keys()] : value),
  at: (value, key) =>
    value instanceof Map
      ? value.get(key)
      : typeof key === "number" && key < 0
        ? value[value.length + key]
        : value[key],
  put: (value, key, item) => (value instanceof Map ? value.set(key, item) : (value[key] = item)),
  eq: (one, other) =>
    Array.isArray(one) && Array.isArray(other)
      ? one.length === other.length && one.every((item, place) => $.eq(item, other[place]))
      : one === other,
  has: (value, item) =>
    value instanceof Map
      ? value.has(item)
      : typeof value === "string"
        ? value.includes(item)
        : Array.isArray(value)
          ? value.some((each) => $.eq(each, item))
          : item in value,
  add: (one, other) => (Array.isArray(one) ? [...one, ...other] : one + other),
  iadd: (one, other) => (Array.isArray(one) ? (one.push(...other), one) : one + other),
  isub: (one, other) => one - other,
  mul: (one, other) => (typeof one === "string" ? one.repeat(Math.max(0, other)) : one * other),
  str: (value) => (value === null || value === undefined ? "None" : String(value)),
  len: (value) => (value instanceof Map ? value.size : value.length),
  any: (items) => items.some((item) => $.T(item)),
  all: (items) => items.every((item) => $.T(item)),
  bool: (value) => $.T(value),
  enumerate: (items, first = 0) => [...$.iter(items)].map((item, place) => [place + first, item]),
  range: (first, last, step = 1) => {
    const [from, to] = last === undefined ? [0, first] : [first, last];
    const made = [];
    for (let number = from; step > 0 ? number < to : number > to; number += step) made.push(number);
    return made;
  },
  compare: (one, other) => {
    if (Array.isArray(one)) {
      for (let place = 0; place < Math.min(one.length, other.length); place++) {
        const order = $.compare(one[place], other[place]);
        if (order) return order;
      }
      return one.length - other.length;
    }
    return one < other ? -1 : one > other ? 1 : 0;
  },
  sorted: (items, key = (item) => item) => [...$.iter(items)].sort((one, other) => $.compare(key(one), key(other))),
  sort: (items, key) => items.splice(0, items.length, ...$.sorted(items, key)),
  max: (...items) => {
    if (typeof items.at(-1) === "function" || items.length === 1) {
      const key = items.length > 1 ? items[1] : (item) => item;
      return [...$.iter(items[0])].reduce((best, item) => (key(item) > key(best) ? item : best));
    }
    return Math.max(...items);
  },
  min: (...items) => Math.min(...(items.length === 1 ? items[0] : items)),
  sum: (items) => items.reduce((total, item) => total + item, 0),
  zip: (one, other) => one.slice(0, other.length).map((item, place) => [item, other[place]]),
  reversed: (items) => [...items].reverse(),
  list: (items) => [...$.iter(items)],
  dict: (pairs) => new Map(pairs),
  next: (items, other) => (items.length ? items[0] : other),
  round: (number) => {
    const whole = Math.floor(number);
    return number - whole === 0.5 ? whole + (whole % 2) : Math.round(number);
  },
  int: (text) => parseInt(text, 10),
  float: (text) => Number(text),
  isinstance: (value) => value !== null && typeof value === "object",
  append: (items, item) => items.push(item),
  insert: (items, place, item) => items.splice(place, 0, item),
  pop: (items) => items.pop(),
  chars: (text, signs, first, last) => {
    const drop = (sign) => (signs === undefined ? /\s/.test(sign) : signs.includes(sign));
    let [from, to] = [0, text.length];
    while (first && from < to && drop(text[from])) from++;
    while (last && to > from && drop(text[to - 1])) to--;
    return text.slice(from, to);
  },
  strip: (text, signs) => $.chars(text, signs, true, true),
  lstrip: (text, signs) => $.chars(text, signs, true, false),
  rstrip: (text, signs) => $.chars(text, signs, false, true),
  split: (text, sign) => (sign === undefined ? text.split(/\s+/).filter(Boolean) : text.split(sign)),
  rsplit: (text, sign) => {
    const place = text.lastIndexOf(sign);
    return place < 0 ? [text] : [text.slice(0, place), text.slice(place + sign.length)];
  },
  startswith: (text, start) => (Array.isArray(start) ? start : [start]).some((each) => text.startsWith(each)),
  endswith: (text, end) => (Array.isArray(end) ? end : [end]).some((each) => text.endsWith(each)),
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
  replace: (text, old, fresh) => text.split(old).join(fresh),
  removeprefix: (text, start) => (text.startsWith(start) ? text.slice(start.length) : text),
  removesuffix: (text, end) => (end && text.endsWith(end) ? text.slice(0, -end.length) : text),
  join: (sign, items) => items.join(sign),
  index: (items, item) => items.findIndex((each) => $.eq(each, item)),
  count: (text, sign) => (typeof text === "string" ? text.split(sign).length - 1 : text.filter((each) => each === sign).length),
  items: (value) => (value instanceof Map ? [...value.entries()] : Object.entries(value)),
  keys: (value) => [...value.keys()],
  values: (value) => [...value.values()],
  get: (value, key, other = null) => (value instanceof Map ? (value.has(key) ? value.get(key) : other) : (value[key] ?? other)),
  setdefault: (value, key, other) => (value.has(key) || value.set(key, other), value.get(key)),
  cache: new Map(),
  re_IGNORECASE: "i",
  re_compile: (pattern, more = "") => {
    if (pattern instanceof RegExp) return pattern;
    const known = `${more}/${pattern}`;
    if (!$.cache.has(known)) {
      const [, inline = "", rest] = /^(?:\(\?([imsx]+)\))?([\s\S]*)$/.exec(pattern);
      $.cache.set(known, new RegExp(rest, `d${[...new Set(inline + more)].join("")}`));
    }
    return $.cache.get(known);
  },
  everywhere: (pattern, more) => {
    const one = $.re_compile(pattern, more);
    return new RegExp(one.source, `${one.flags}g`);
  },
  re_search: (pattern, text, more) => $.re_compile(pattern, more).exec(text),
  search: (pattern, text) => pattern.exec(text),
  re_finditer: (pattern, text) => [...text.matchAll($.everywhere(pattern))],
  re_findall: (pattern, text) =>
    [...text.matchAll($.everywhere(pattern))].map((found) =>
      found.length === 1 ? found[0] : found.length === 2 ? (found[1] ?? "") : found.slice(1).map((each) => each ?? ""),
    ),
  re_sub: (pattern, fresh, text, more) =>
    text.replace(
      $.everywhere(pattern, more),
      fresh.replaceAll("$", "$$$$").replace(/\\(\d|\\)/g, (_, sign) => (sign === "\\" ? "\\" : `$${sign}`)),
    ),
  re_split: (pattern, text) => text.split($.re_compile(pattern)),
  re_escape: (text) => text.replace(/[^\w]/g, "\\$&"),
  start: (found, group = 0) => found.indices[group][0],
  end: (found, group = 0) => found.indices[group][1],
  groups: (found) => found.slice(1),
};
const patterns_ = {
  compiled(pattern, ignoreCase) {
    const inline = pattern.startsWith("(?i)");
    if (/\\[ceg-mo-qyzCE-MO-RTVXY]/.test(pattern)) return null; // Python knows no such escapes
    const own = pattern.slice(inline ? 4 : 0).replaceAll("(?P<", "(?<").replaceAll("\\A", "^").replaceAll("\\Z", "$");
    try {
      return new RegExp(own, ignoreCase || inline ? "di" : "d");
    } catch {
      return null;
    }
  },
};
