// Paste this into the console of DSS (F12, Console), and press Enter. It opens WebSockets to DSS only.
(async () => {
  const show = (text) => console.log(`%c${text}`, "font-weight: bold");
  const socketUrl = (path) => location.origin.replace("http", "ws") + path;
  const seconds = (began) => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const ask = async (path) => {
    try {
      return `status code ${(await fetch(path, { redirect: "manual", cache: "no-store" })).status || "of a redirect"}`;
    } catch (error) {
      return `no response (${error.message})`;
    }
  };
  const open = (path, protocols) =>
    new Promise((done) => {
      const began = performance.now();
      const timer = setTimeout(() => (socket.close(), done(`no response after ${seconds(began)}`)), 15000);
      const socket = new WebSocket(socketUrl(path), protocols);
      const end = (text) => (clearTimeout(timer), socket.close(), done(text));
      socket.onopen = () => end("opened");
      socket.onclose = ({ code, reason }) => end(`failed after ${seconds(began)}, code ${code} ${reason}`.trim());
    });

  const path = "/dip/websocket?sessionId=websocket0";
  const lines = [`WebSocket test of ${location.origin} at ${new Date().toISOString()}`, navigator.userAgent];
  lines.push(`Health check: ${await ask("/dip/api/ping")}`);
  lines.push(`Ordinary request to the URL of the WebSocket: ${await ask(path)}`);
  const results = [];
  for (const [name, protocols] of [["WebSocket", ["dummy"]], ["The same once more", ["dummy"]], ["Without a subprotocol", []]])
    results.push([name, await open(path, protocols).catch((error) => `not allowed: ${error.name}`)]);
  lines.push(...results.map((result) => result.join(": ")));
  const opened = results.filter(([, text]) => text === "opened").length;
  if (opened === results.length) lines.push("Result: the WebSocket of DSS opens in this browser.");
  else if (opened) lines.push("Result: only some of the WebSockets open. Run this again, and compare.");
  else lines.push("Result: no WebSocket opens. The red text above this result names the reason: send both.");
  show(lines.join("\n"));
})();
