/** How states, numbers, times and events are said. */

import { h, set, write } from "./dom.js";

/** state → family (one of five colours) and glyph; within a family the glyph and the word tell. */
const STATES = {
  running: "ok ●", ready: "ok ●", ok: "ok ●", healthy: "ok ●", applied: "ok ●", live: "ok ●", closed: "ok ●", restarted: "ok ●",
  busy: "busy ◉", info: "busy ◉", "in progress": "busy ◉", connecting: "busy ◉",
  starting: "warn ◐", stopping: "warn ◐", resting: "warn ◐", draining: "warn ◐", half_open: "warn ◐", degraded: "warn ◐",
  warning: "warn ◐", client_gone: "warn ◐", client_error: "warn ◐", reconnecting: "warn ◐",
  open: "bad ▲", error: "bad ▲", critical: "bad ▲", stale: "bad ▲",
  stopped: "bad ✕", unreachable: "bad ✕", unhealthy: "bad ✕", refused: "bad ✕",
  retired: "idle ○", no_workers: "idle ○", debug: "idle ○", unknown: "idle ○", "needs a key": "idle ○",
};

/** Family and glyph of a state; an outcome that is no state is some failure. */
export const looks = (state, other = "idle ○") => (STATES[state] || other).split(" ");

/** Shows a state in `node`: colour, glyph, word. */
export function mark(node, state, other) {
  const [family, glyph] = looks(state, other);
  set(node, "class", `mark ${family}`);
  write(node, `${glyph} ${words(state)}`);
  return node;
}

export const marked = (state, other) => mark(h("span"), state, other);
export const words = (name) => String(name).replaceAll("_", " ");

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const NONE = "–";

export const count = (n) => (n == null ? NONE : n < 1e5 ? whole.format(n) : short.format(n));
export const rate = (n) => (n == null ? NONE : n >= 100 ? whole.format(n) : n.toFixed(n && n < 10 ? 2 : 1));
export const percent = (n) => (n == null ? NONE : `${(n * 100).toFixed(n > 0 && n < 0.9995 ? 1 : 0)} %`);
export const usd = (n) => (n == null ? NONE : n >= 1 || !n ? `$${n.toFixed(2)}` : n < 0.0001 ? "< $0.0001" : `$${n.toFixed(4)}`);

export function seconds(n) {
  if (n == null) return NONE;
  if (n < 1) return `${Math.round(n * 1000)} ms`;
  if (n < 60) return `${n.toFixed(n < 10 ? 2 : 1)} s`;
  if (n < 3600) return `${Math.floor(n / 60)} min ${Math.floor(n % 60)} s`;
  return n < 172800 ? `${Math.floor(n / 3600)} h ${Math.floor((n % 3600) / 60)} min` : `${Math.floor(n / 86400)} days`;
}

export function bytes(n) {
  if (n == null) return NONE;
  const power = Math.min(4, Math.floor(Math.log10(Math.max(n, 1)) / 3));
  return `${(n / 1000 ** power).toFixed(power && n / 1000 ** power < 10 ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

const pad = (n) => String(n).padStart(2, "0");

/** Wall seconds as a time of day; with its date when that is not today. */
export function clock(at, exact = true) {
  if (at == null) return NONE;
  const date = new Date(at * 1000);
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}${exact ? `:${pad(date.getSeconds())}` : ""}`;
  return date.toDateString() === new Date().toDateString() ? time
    : `${date.toLocaleDateString("en", { day: "numeric", month: "short" })} ${time}`;
}

export const plural = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;

const SAID = {
  progress: (e) => (e.restarts ? `started again, restart ${e.restarts}` : "started"),
  child_terminated: () => "crashed", start_error: () => "did not start", shutdown_error: () => "did not end as told",
  hung: () => "hung and was replaced", shutdown: () => "gave up: too many restarts", messages_lost: () => "lost messages",
};
const TOLD = new Set(["at", "level", "event", "worker", "actor", "supervisor", "restarts", "by"]);

/** An event as a sentence about its actor, and the details behind it. */
export function said(event) {
  const say = SAID[event.event];
  const facts = Object.entries(event).filter(([name, value]) => !TOLD.has(name) && value != null && value !== "" && String(value) !== "");
  return {
    actor: event.worker || event.actor || "",
    text: say ? say(event) : words(event.event),
    more: facts.map(([name, value]) => (["why", "reason"].includes(name) ? shown(value) : `${words(name)} ${shown(value)}`)).join(" · "),
    by: event.by || "",
  };
}

/** Any JSON value as one line. */
export const shown = (value) => (value == null ? NONE : Array.isArray(value) ? value.map(shown).join(", ")
  : typeof value === "object" ? Object.entries(value).map(([name, each]) => `${name}=${shown(each)}`).join(" ") : String(value));

/** How a finished or running request ended, as a state. */
export const outcome = (line) => line.outcome || "in progress";
export const FAILED = "bad ✕";
