// Test WebSockets from a browser, one at a time. It is shared by the site and by the page of `checks echo`.
//
// Chromium delays a connection after failures to the same host, and Firefox waits while another handshake to it is open.
// So each test ends before the next one begins, and only the first duration means anything.
globalThis.connection = (() => {
  const seconds = (began) => Math.round(performance.now() - began) / 1000;
  const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  // Open a WebSocket; the result has `outcome` (opened, failed, hung, blocked, refused), and `socket` if it opened.
  const open = (url, { protocols = [], timeout = 15 } = {}) =>
    new Promise((done) => {
      const began = performance.now();
      let socket;
      let blocked = "";
      const target = String(url).replace(/[?#].*/s, "");
      // A Content-Security-Policy: Chromium reports an error without a close, and Firefox throws.
      const violated = ({ blockedURI, effectiveDirective, violatedDirective }) => {
        if (!target.startsWith(blockedURI.replace(/[?#].*/s, ""))) return;
        blocked = effectiveDirective || violatedDirective || "a policy";
        end("blocked", { reason: blocked });
      };
      const end = (outcome, more = {}) => {
        clearTimeout(timer);
        document.removeEventListener("securitypolicyviolation", violated);
        if (outcome !== "opened") socket?.close();
        done({ outcome, seconds: seconds(began), code: 0, reason: "", ...more });
      };
      const timer = setTimeout(() => end("hung"), timeout * 1000);
      document.addEventListener("securitypolicyviolation", violated);
      try {
        socket = new WebSocket(url, protocols);
      } catch (error) {
        // The event about a policy comes after the exception.
        setTimeout(() => end(blocked ? "blocked" : "refused", { reason: blocked || error.name }), 200);
        return;
      }
      socket.binaryType = "arraybuffer";
      socket.onopen = () => end("opened", { socket });
      socket.onclose = ({ code, reason }) => setTimeout(() => end("failed", { code, reason }), 50);
      socket.onerror = () => setTimeout(() => end(blocked ? "blocked" : "failed", { reason: blocked }), 2000);
    });

  // Send a text, and wait for it to come back; `outcome` is passed, failed, or hung.
  const exchange = (socket, text, timeout = 15) =>
    new Promise((done) => {
      const began = performance.now();
      const end = (outcome, more = {}) => {
        clearTimeout(timer);
        socket.onmessage = socket.onclose = null;
        done({ outcome, seconds: seconds(began), code: 0, reason: "", ...more });
      };
      const timer = setTimeout(() => end("hung"), timeout * 1000);
      socket.onmessage = ({ data }) => data === text && end("passed");
      socket.onclose = ({ code, reason }) => end("failed", { code, reason });
      if (socket.readyState !== WebSocket.OPEN) end("failed");
      else socket.send(text);
    });

  // Keep a WebSocket open, with a message every `every` seconds, or with none; at the end, a message must come back.
  const hold = async (socket, { length, every = 0, timeout = 15 }) => {
    const began = performance.now();
    let closed;
    const ended = new Promise((done) => {
      socket.onclose = ({ code, reason }) => done((closed = { code, reason, seconds: seconds(began) }));
    });
    const timer = every ? setInterval(() => socket.readyState === WebSocket.OPEN && socket.send("still here"), every * 1000) : 0;
    await Promise.race([ended, wait(length * 1000)]);
    clearInterval(timer);
    if (closed) return { outcome: "failed", ...closed };
    const last = await exchange(socket, `end ${Math.random()}`, timeout);
    socket.close();
    return { ...last, outcome: last.outcome === "passed" ? "opened" : last.outcome, seconds: seconds(began) };
  };

  // Text that does not compress well, so that its size on the network is its size. Compression looks back 32 KB.
  const random = (size) => {
    let block = "";
    while (block.length < 65536) block += Math.random().toString(36).slice(2);
    return block.slice(0, 65536).repeat(Math.ceil(size / 65536)).slice(0, size);
  };

  return { exchange, hold, open, random, wait };
})();
