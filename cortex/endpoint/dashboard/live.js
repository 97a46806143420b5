/**
 * What is going on, by one WebSocket: a whole picture first, then what changed, numbered.
 *
 * A gap in the numbers asks for a whole picture again. A hidden tab wants nothing and is sent nothing. Without a word
 * for a while the picture counts as stale and says so, until it is whole again; a lost connection is sought by itself.
 */

import { address, askKey, call, key } from "./api.js";

const SILENCE_MS = 3500;
const KEPT = { requests: 400, events: 300, logs: 1000 };

export const live = { summary: {}, rows: new Map(), order: [], requests: [], events: [], logs: [], hello: null, heardAt: 0, state: "connecting", tries: 0 };

const watchers = new Set();
const notices = new Set();
let socket = null;
let seq = -1;
let wanted = ["events"];
let timer = 0;

/** Calls back with what changed: {summary, rows: Set of names or null for all, order, requests, events, logs}. Returns the end of it. */
export function watch(changed) {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

/** Calls back when the connection's state may have changed, each second at least. */
export const notice = (changed) => notices.add(changed);

/** Says which sections the page shows now. */
export function want(sections) {
  wanted = sections;
  tell();
}

function tell() {
  if (socket && socket.readyState === WebSocket.OPEN && live.hello) socket.send(JSON.stringify({ want: document.hidden ? [] : wanted }));
}

function become(state) {
  live.state = state;
  for (const each of notices) each(state);
}

/** Connects, and stays connected. */
export function connect() {
  clearTimeout(timer);
  const url = address("cortex/v1/live");
  url.protocol = url.protocol.replace("http", "ws");
  const offered = key() ? ["cortex.v1", `key.${base64url(key())}`] : ["cortex.v1"];
  const own = new WebSocket(url, offered);
  socket = own;
  let greeted = false;
  own.onmessage = (message) => {
    const sent = JSON.parse(message.data);
    live.heardAt = performance.now();
    greeted = greeted || Boolean(sent.hello);
    take(sent);
  };
  own.onclose = () => {
    if (socket === own) lost(greeted);
  };
}

async function lost(greeted) {
  socket = null;
  live.tries = greeted ? 1 : live.tries + 1;
  become("reconnecting");
  if (!greeted) {
    try {
      await call("cortex/v1/log-level"); // a WebSocket does not tell why it was refused
    } catch (error) {
      if (error.status === 401) {
        become("needs a key");
        return;
      }
    }
  }
  const wait = Math.min(5000, 250 * 2 ** live.tries) * (0.75 + Math.random() / 2);
  timer = setTimeout(connect, document.hidden ? 5000 : wait);
}

/** Asks for the key again, where it was not given. */
export async function unlock() {
  if (await askKey()) connect();
}

function take(sent) {
  if (sent.hello) {
    const before = live.hello;
    live.hello = sent.hello;
    live.tries = 0;
    live.summary = (sent.full && sent.full.summary) || {};
    seq = sent.seq;
    live.again = Boolean(before && before.started_at !== sent.hello.started_at);
    tell();
    become("live");
    return;
  }
  if (sent.full) replace(sent.full);
  else if (sent.delta && sent.seq !== seq + 1) return tell();
  else if (sent.delta) merge(sent.delta);
  seq = sent.seq;
  if (live.state !== "live") become("live");
}

function replace(full) {
  live.summary = full.summary || live.summary;
  if (full.rows) live.rows = new Map(Object.entries(full.rows));
  if (full.order) live.order = full.order;
  for (const name of ["requests", "events", "logs"]) if (full[name]) live[name] = ordered(name, full[name]);
  changed({ summary: true, rows: null, order: true, requests: true, events: true, logs: true, whole: true });
}

function merge(delta) {
  Object.assign(live.summary, delta.summary);
  const rows = new Set(Object.keys(delta.rows || {}));
  for (const name of rows) {
    const facts = delta.rows[name];
    if (facts === null) live.rows.delete(name);
    else live.rows.set(name, Object.assign(live.rows.get(name) || {}, facts));
  }
  if (delta.order) live.order = delta.order;
  for (const name of ["events", "logs"]) if (delta[name]) live[name] = ordered(name, [...live[name], ...delta[name]]);
  if (delta.requests) {
    const byId = new Map([...live.requests, ...delta.requests].map((line) => [line.id, line]));
    live.requests = ordered("requests", [...byId.values()]);
  }
  changed({ summary: Boolean(delta.summary), rows, order: Boolean(delta.order), requests: Boolean(delta.requests), events: Boolean(delta.events), logs: Boolean(delta.logs) });
}

/** The oldest first, and no more than are kept. */
function ordered(name, items) {
  const when = name === "requests" ? "arrived_at" : "at";
  return items.sort((one, other) => one[when] - other[when]).slice(-KEPT[name]);
}

function changed(what) {
  for (const each of watchers) each(what);
}

const base64url = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

setInterval(() => {
  if (document.hidden) return;
  const isSilent = performance.now() - live.heardAt > SILENCE_MS;
  become(live.state === "live" && isSilent ? "stale" : live.state);
}, 1000);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) live.heardAt = performance.now();
  if (!document.hidden && !socket && live.state === "reconnecting") connect();
  tell();
});
