/** How states, numbers, times and events are said. */

import { h, set, write } from "./dom.js";

/** Family of colour and glyph → the states that have it; within a family the glyph and the word tell. */
const LOOKS = Object.entries({
  "ok ●": "running ready ok healthy applied live closed restarted",
  "busy ◉": "busy info running_now connecting",
  "warn ◐": "starting stopping resting draining half_open degraded warning client_gone client_error reconnecting",
  "bad ▲": "open error critical stale",
  "bad ✕": "stopped unreachable unhealthy refused",
  "idle ○": "retired no_workers debug unknown needs_a_key",
});
const LOOK = new Map(LOOKS.flatMap(([look, states]) => states.split(" ").map((state) => [state, look.split(" ")])));

/** Family and glyph; an outcome that is no state is some failure. */
export const looks = (state) => LOOK.get(state) || ["bad", "✕"];
export const words = (name) => String(name).replaceAll("_", " ");

/** Shows a state in `node`: colour, glyph, word. */
export function mark(node, state, text = words(state)) {
  const [family, glyph] = looks(state);
  set(node, "class", `mark ${family}`);
  write(node, `${glyph} ${text}`);
  return node;
}
export const marked = (state) => mark(h("span"), state);

const NONE = "–";
const some = (say) => (n) => (n == null ? NONE : say(n));
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = some((n) => (n < 1e5 ? whole : short).format(n));
export const plural = (n, one) => `${count(n || 0)} ${one}${n === 1 ? "" : "s"}`;
export const rate = some((n) => (n >= 100 ? whole.format(n) : n.toFixed(n && n < 10 ? 2 : 1)));
export const percent = some((n) => `${(n * 100).toFixed(n > 0 && n < 0.9995 ? 1 : 0)} %`);
export const usd = some((n) => (n >= 1 || !n ? `$${n.toFixed(2)}` : n < 0.0001 ? "< $0.0001" : `$${n.toFixed(4)}`));
export const bytes = some((n) => `${short.format(n).replace("K", "k").replace(/[kMBT]?$/, (unit) => ` ${unit.replace("B", "G")}B`)}`);
export const seconds = some((n) => (n < 1 ? `${Math.round(n * 1000)} ms` : n < 60 ? `${+n.toFixed(n < 10 ? 2 : 1)} s` : n < 3600 ? `${Math.floor(n / 60)} min ${Math.floor(n % 60)} s`
  : n < 172800 ? `${Math.floor(n / 3600)} h ${Math.floor((n % 3600) / 60)} min` : `${Math.floor(n / 86400)} days`));

/** Wall seconds as a time of day; with its date when that is not today. */
export const clock = some((at) => {
  const date = new Date(at * 1000);
  const day = date.toDateString() === new Date().toDateString() ? "" : date.toLocaleDateString("en", { day: "numeric", month: "short" });
  return `${day} ${date.toTimeString().slice(0, 8)}`.trim();
});

/** Any JSON value as one line. */
export const shown = some((it) => (Array.isArray(it) ? it.map(shown).join(", ") : typeof it === "object" ? Object.entries(it).map(([name, each]) => `${name}=${shown(each)}`).join(" ") : `${it}`));

const SAID = { progress: "started", child_terminated: "crashed", start_error: "did not start", shutdown_error: "did not end as told", hung: "hung and was replaced", shutdown: "gave up: too many restarts" };

/** An event in words: what happened to its actor, the details, and who did it. */
export function said({ at, level, event, action, worker, actor, supervisor, restarts, by, ...facts }) {
  const more = Object.entries(facts).filter(([, each]) => each != null && `${each}`).map(([name, each]) =>
    (name === "why" || name === "reason" ? shown(each) : name.endsWith("_s") ? `${words(name.slice(0, -2))} ${seconds(each)}` : `${words(name)} ${shown(each)}`));
  const text = action ? `${worker ? "was asked to " : ""}${words(action)}` : event === "progress" && restarts ? `started again, restart ${restarts}` : SAID[event] || words(event);
  return { actor: worker || actor, text, more: [...more, by && `by ${by}`].filter(Boolean).join(" · ") };
}

/** How a request ended, as a state. */
export const outcome = (line) => line.outcome || "running_now";
export const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
