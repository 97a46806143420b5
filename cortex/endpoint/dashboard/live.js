/**
 * What is going on, by one WebSocket: a whole picture first, then what changed, numbered.
 *
 * A gap in the numbers asks for a whole picture again. A hidden tab wants nothing and is sent nothing. A picture without
 * a word for a while is stale and says so; a lost connection is sought by itself.
 */

import { address, askKey, call, key, octets } from "./api.js";

const SILENCE_MS = 3500;
const KEPT = { requests: 400, events: 300, logs: 1000 };

export const live = { summary: {}, rows: new Map(), order: [], requests: [], events: [], logs: [], heardAt: 0, state: "connecting" };

/** What to say of an empty list: nothing is known before the daemon has spoken. */
export const known = (text) => (live.heardAt ? text : "Waiting for word from Córtex.");

let frame = {};
let socket;
let seq;
let wanted = [];
let tries = 0;

/** Calls `told` when the state may have changed, each second at least, and `changed` with what did. */
export function start(told, changed) {
  frame = { told, changed };
  connect();
}

/** Says which sections the page shows now. */
export function want(sections) {
  wanted = sections;
  if (socket?.readyState === 1 && live.hello) socket.send(JSON.stringify({ want: document.hidden ? [] : wanted }));
}

function become(state) {
  live.state = state;
  frame.told(state);
}

function connect() {
  const url = address("cortex/v1/live");
  url.protocol = url.protocol.replace("http", "ws");
  const mine = new WebSocket(url, ["cortex.v1", ...(key() ? [`key.${base64url(key())}`] : [])]);
  let greeted = false;
  socket = mine;
  mine.onmessage = ({ data }) => {
    greeted = true;
    live.heardAt = performance.now();
    take(JSON.parse(data));
  };
  mine.onclose = async () => {
    socket = null;
    tries = greeted ? 0 : tries + 1;
    become("reconnecting");
    // A WebSocket does not tell why it was refused; this asks for a key where one is wanted.
    const refused = !greeted && (await call("cortex/v1/log-level").catch((error) => error)).status === 401;
    if (refused) become("needs_a_key");
    else setTimeout(connect, Math.min(5000, 250 * 2 ** tries) * (0.75 + Math.random() / 2));
  };
}

/** Asks for the key again, where it was not given. */
export async function unlock() {
  if (await askKey()) connect();
}

function take({ hello, full, delta, seq: number }) {
  if (hello) {
    live.again = live.hello && live.hello.started_at !== hello.started_at;
    live.hello = hello;
    live.summary = full?.summary || {};
    want(wanted);
  } else if (full) {
    if (full.rows) live.rows = new Map(Object.entries(full.rows));
    Object.assign(live, { summary: full.summary || live.summary, order: full.order || live.order });
    for (const name in KEPT) if (full[name]) live[name] = latest(name, full[name]);
    frame.changed({ whole: true, summary: true, order: true, requests: true, events: true, logs: true, rows: live.order });
  } else if (delta && number !== seq + 1) {
    return want(wanted);
  } else if (delta) {
    merge(delta);
    frame.changed({ ...delta, rows: Object.keys(delta.rows || {}) });
  }
  seq = number;
  become("live");
}

function merge({ summary, rows = {}, order, ...lists }) {
  Object.assign(live.summary, summary);
  for (const [name, facts] of Object.entries(rows)) facts ? live.rows.set(name, { ...live.rows.get(name), ...facts }) : live.rows.delete(name);
  live.order = order || live.order;
  for (const name in lists) live[name] = latest(name, [...live[name], ...lists[name]]);
}

/** The latest, the oldest of them first, each request once. */
function latest(name, items) {
  const once = name === "requests" ? [...new Map(items.map((line) => [line.id, line])).values()].sort((one, other) => one.arrived_at - other.arrived_at) : items;
  return once.slice(-KEPT[name]);
}

const base64url = (text) => btoa(octets(text)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

setInterval(() => document.hidden || become(live.state === "live" && performance.now() - live.heardAt > SILENCE_MS ? "stale" : live.state), 1000);
document.addEventListener("visibilitychange", () => want(wanted));
