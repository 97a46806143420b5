/** The frame: which view the address names, the state of the connection, the theme, and the keys of the keyboard. */

import { open, tell } from "./actions.js";
import { act, h, pairs, put, set, write } from "./dom.js";
import { clock, mark } from "./format.js";
import { live, start, unlock, want } from "./live.js";
import * as cache from "./cache.js";
import * as config from "./config.js";
import * as charts from "./history.js";
import * as keys from "./keys.js";
import * as logs from "./logs.js";
import * as models from "./models.js";
import * as requests from "./requests.js";
import * as tree from "./tree.js";
import * as trying from "./try.js";

const VIEWS = { tree, requests, keys, models, charts, cache, config, logs, try: trying };
const find = (what) => document.querySelector(what);
const [main, nav, status, theme] = ["main", "nav", "#status", "#theme"].map(find);
let shown;

/** What a view may do to the address, which holds all that it shows. */
class Place {
  constructor(name, params) {
    Object.assign(this, { name, params });
  }

  get(key) {
    return this.params.get(key) || "";
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
    history.replaceState(null, "", this.link(changes));
    route(true);
  }
}

/** What else the address names, beside what is chosen: the filters. */
const filters = (params) => [...params].filter(([key]) => key !== "actor" && key !== "id").join();

/** Shows what the address says; filters that the view itself did not set make it anew. */
function route(isOwn) {
  const [path, query] = location.hash.slice(2).split("?");
  const name = VIEWS[path] ? path : "tree";
  const params = new URLSearchParams(query);
  if (shown?.place.name === name && (isOwn === true || filters(shown.place.params) === filters(params))) {
    const before = shown.place.params;
    shown.place.params = params;
    return shown.view.update(before);
  }
  shown?.view.end();
  const place = new Place(name, params);
  const root = h("div.view");
  put(main, root);
  document.title = `${VIEWS[name].title} · Córtex`;
  for (const link of nav.children) set(link, "aria-current", link.hash === `#/${name}` && "page");
  find("[aria-current=page]").scrollIntoView({ block: "nearest" });
  want(VIEWS[name].wants);
  const isNews = shown && shown.place.name !== name;
  shown = { place, view: VIEWS[name].mount(root, place) };
  if (isNews) main.focus();
}

let last = "connecting";

function told(state) {
  const ago = (performance.now() - live.heardAt) / 1000;
  const heard = live.heardAt && clock(Date.now() / 1000 - ago);
  const text = { live: `live · ${ago.toFixed(1)} s ago`, stale: `stale since ${heard}`, reconnecting: heard ? `reconnecting · as of ${heard}` : "cannot be reached, trying again" }[state];
  if (state === "needs_a_key") put(status, act("○ Give the key", unlock));
  else mark(status, state, text);
  set(document.body, "class", state === "live" ? "" : "old");
  if (state === last) return;
  last = state;
  write(find("#said"), text || state);
  if (state !== "live") return;
  const assets = new URL(import.meta.url).pathname.split("/").at(-2);
  if (live.hello.assets !== assets) put(find("#notice"), h("p", "Córtex has a newer page.", act("Load it", () => location.reload())));
  else if (live.again) tell(`Córtex was started again at ${clock(live.hello.started_at)}; this page went on by itself.`);
}

const THEMES = { auto: ["◐ auto", "light"], light: ["○ light", "dark"], dark: ["● dark", "auto"] };

function paint(chosen) {
  document.documentElement.dataset.theme = localStorage.theme = chosen;
  put(theme, THEMES[chosen][0]);
  set(theme, "aria-label", `Theme: ${chosen}`);
  theme.onclick = () => paint(THEMES[chosen][1]);
}

const KEYS = [["1 to 9", "the views, from the left"], ["/", "find"], ["↑ ↓ Home End", "through the tree"], ["← →", "close and open a branch"], ["Enter", "what is known of an actor"], ["Esc", "close what was opened"], ["?", "this list"]];

function help() {
  const dialog = open("Keys of the keyboard", "narrow", pairs(KEYS.map(([key, what]) => [h("kbd", key), what])), h("div.buttons", act("Close", () => dialog.close())));
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]") || event.target.matches("input:not([type=radio]), textarea, select")) return;
  const does = { Escape: shown.view.escape, "?": help, "/": () => find("[type=search]")?.focus() }[event.key];
  const link = nav.children[event.key - 1];
  if (does) event.preventDefault();
  if (does) does();
  else if (link) location.hash = link.hash;
});
addEventListener("hashchange", route);
find(".skip").onclick = (event) => {
  event.preventDefault();
  main.focus();
};
find("#help").onclick = help;
put(nav, Object.entries(VIEWS).map(([name, view]) => h("a", { href: `#/${name}` }, view.title)));
paint(document.documentElement.dataset.theme);
route();
start(told, (changed) => shown.view.live(changed));
