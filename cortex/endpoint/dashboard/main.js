/** The frame: which view the address names, the state of the connection, the theme, and the keys of the keyboard. */

import { open } from "./actions.js";
import { h, put, set, write } from "./dom.js";
import { clock, looks } from "./format.js";
import { connect, live, notice, unlock, want, watch } from "./live.js";
import * as cache from "./cache.js";
import * as config from "./config.js";
import * as history from "./history.js";
import * as keys from "./keys.js";
import * as logs from "./logs.js";
import * as models from "./models.js";
import * as requests from "./requests.js";
import * as tree from "./tree.js";
import * as trying from "./try.js";

const VIEWS = { tree, requests, keys, models, charts: history, cache, config, logs, try: trying };
const at = (id) => document.getElementById(id);
const main = at("main");
let shown = null;

/** What a view may do to the address, which holds all that it shows. */
class Place {
  constructor(name, params) {
    this.name = name;
    this.params = params;
  }

  link(changes) {
    const params = new URLSearchParams(this.params);
    for (const [key, value] of Object.entries(changes)) value ? params.set(key, value) : params.delete(key);
    return `#/${this.name}${params.size ? `?${params}` : ""}`;
  }

  /** Goes there; Back comes back. */
  to(changes) {
    location.hash = this.link(changes);
  }

  /** Takes its place: a filter is no step to come back from. */
  change(changes) {
    window.history.replaceState(null, "", this.link(changes));
    route();
  }
}

function route() {
  const [path, query] = location.hash.slice(1).split("?");
  const name = path.slice(1) in VIEWS ? path.slice(1) : "tree";
  const params = new URLSearchParams(query);
  if (shown && shown.place.name === name) {
    const before = shown.place.params;
    shown.place.params = params;
    shown.view.update(before);
    return;
  }
  if (shown) shown.view.end();
  const isFirst = !shown;
  const place = new Place(name, params);
  const root = h("div.view");
  put(main, root);
  main.dataset.view = name;
  document.title = `${VIEWS[name].title} · Córtex`;
  for (const link of at("nav").children) link.getAttribute("href") === `#/${name}` ? set(link, "aria-current", "page") : link.removeAttribute("aria-current");
  want(VIEWS[name].wants);
  shown = { place, view: VIEWS[name].mount(root, place) };
  if (!isFirst) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

let saidAt = 0;

/** Says what matters to a screen reader: one sentence in five seconds at most. */
function say(text) {
  if (performance.now() - saidAt < 5000) return;
  saidAt = performance.now();
  write(at("said"), text);
}

let last = "";

function status(state) {
  const ago = ((performance.now() - live.heardAt) / 1000).toFixed(1);
  const silent = clock(Date.now() / 1000 - ago);
  const text = { live: `live · ${ago} s ago`, stale: `stale since ${silent}`, reconnecting: live.heardAt ? `reconnecting · as of ${silent}` : "cannot be reached, trying again" }[state] || state;
  const [family, glyph] = looks(state);
  set(at("status"), "class", `mark ${family}`);
  if (state === "needs a key") put(at("status"), h("button.quiet", { type: "button", onclick: unlock }, "○ give the key"));
  else write(at("status"), `${glyph} ${text}`);
  document.body.classList.toggle("stale", ["stale", "reconnecting"].includes(state));
  if (state === last) return;
  at("status").said = null;
  if (last) say(state === "live" ? (live.again ? "Córtex was started again; the page is live." : "The page is live.") : text);
  last = state;
  if (state !== "live") return;
  const own = new URL(import.meta.url).pathname.split("/").at(-2);
  if (live.hello.assets && live.hello.assets !== own) put(at("notice"), h("p", "Córtex has a newer page. ", h("button.quiet", { type: "button", onclick: () => location.reload() }, "Load it")));
  else if (live.again) put(at("notice"), h("p", `Córtex was started again at ${clock(live.hello.started_at)}; this page went on by itself.`));
}

const THEMES = { auto: "◐ auto", light: "○ light", dark: "● dark" };

function theme(chosen) {
  document.documentElement.dataset.theme = chosen;
  localStorage.setItem("theme", chosen);
  put(at("theme"), THEMES[chosen]);
  set(at("theme"), "aria-label", `Theme: ${chosen}`);
}

function help() {
  const rows = [["1 to 9", "the views, from the left"], ["/", "find"], ["↑ ↓ Home End", "through the tree"], ["← →", "close and open a branch"], ["Enter", "what is known of an actor"], ["Esc", "close what was opened"], ["?", "this list"]];
  const dialog = open(h("dialog.narrow", { "aria-labelledby": "help-title" }, h("h2", { id: "help-title" }, "Keys of the keyboard"),
    h("dl.facts", rows.map(([key, what]) => h("div", h("dt", h("kbd", key)), h("dd", what)))), h("div.buttons", h("button", { type: "button", onclick: () => dialog.close() }, "Close"))));
}

function pressed(event) {
  const isTyping = event.target.matches("input:not([type=radio]), textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && shown.view.escape && !isTyping) shown.view.escape();
  if (isTyping) return;
  const link = at("nav").children[Number(event.key) - 1];
  if (link) location.hash = link.getAttribute("href");
  else if (event.key === "?") help();
  else if (event.key === "/" && document.querySelector("[data-find]")) {
    event.preventDefault();
    document.querySelector("[data-find]").focus();
  }
}

put(at("nav"), Object.entries(VIEWS).map(([name, view]) => h("a", { href: `#/${name}` }, view.title)));
theme(document.documentElement.dataset.theme);
at("theme").onclick = () => theme({ auto: "light", light: "dark", dark: "auto" }[document.documentElement.dataset.theme]);
at("help").onclick = help;
addEventListener("hashchange", route);
addEventListener("keydown", pressed);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
notice(status);
watch((changed) => shown.view.live(changed));
route();
connect();
