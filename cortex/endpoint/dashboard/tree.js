/** Is everything alive, and what is it doing? The supervision tree, its figures, and what happened. */

import { buttons, button } from "./actions.js";
import { call, worker } from "./api.js";
import { bar, spark } from "./charts.js";
import { choices, empty, finder, h, pairs, put, set, table, write } from "./dom.js";
import { drawn } from "./drawn.js";
import { clock, count, looks, mark, marked, percent, plural, rate, said, seconds, usd, words } from "./format.js";
import { live } from "./live.js";
import { Rows } from "./rows.js";
import { windows } from "./quota.js";

export const title = "Tree";
export const wants = ["rows", "events"];

/** The figures on top: [label, value, what it is made of]. */
const TILES = [
  (now) => ["workers", now.status || "unknown", `up ${seconds(now.uptime_s)} · ${plural(now.clients || 0, "client")}`],
  (now) => ["requests a second", rate(now.requests_per_s), `p50 ${seconds(now.p50_s)} · p95 ${seconds(now.p95_s)}`],
  (now) => ["answered at no cost", percent(now.free_share), `${usd(now.saved_usd)} saved · ${usd(now.cost_usd)} spent`],
  (now) => ["in flight", `${count(now.in_flight)} of ${count(now.slots)}`, `${count(now.queue || 0)} waiting for a slot`],
  (now) => ["failovers", count(now.failovers), `${count(now.failovers_seen)} noticed by a client`],
  (now) => ["restarts", `${count(now.restarts)} of ${count(now.max_restarts)}`, `allowed within ${seconds(now.max_seconds)}`],
];

export function mount(root, go) {
  const tiles = TILES.map((tile, index) => {
    const parts = [h("dt"), h(index ? "dd.figure" : "dd.figure.word"), h("dd.dim")];
    return { tile, parts, node: h("div.tile", parts) };
  });
  const body = h("div", { role: "rowgroup" });
  const columns = ["actor", "state", "busy", "last minute", "first token", "mailbox", "restarts"];
  const head = h("div.row.head", { role: "row" }, columns.map((name, at) => h(at > 3 ? "span.num" : "span", { role: "columnheader" }, name)));
  const grid = h("div.grid", { role: "treegrid", "aria-label": "Supervision tree", onkeydown: pressed, onclick: clicked }, h("div", { role: "rowgroup" }, head), body);
  const picture = h("div", { hidden: true });
  const find = finder("Find an actor", go.params.get("q") || "", (q) => go.change({ q }));
  const none = empty("No actor has this in its name.");
  const view = choices("view", "How the tree is shown", [["", "List"], ["drawn", "Drawn"]], go.params.get("view") || "", (chosen) => go.change({ view: chosen }));
  const details = h("section.panel.detail", { "aria-label": "The chosen actor", tabindex: -1, hidden: true });
  const events = h("ol.events");
  const rows = new Rows(body, make);
  const closed = new Set();
  let current = "";
  let asked = 0;

  put(root, h("h1.unseen", "Tree"), h("dl.tiles", tiles.map((each) => each.node)),
    h("div.sides", h("section.panel", { "aria-label": "Supervision tree" }, h("div.top", h("h2", "Supervision tree"), find, view), none, grid, picture),
      h("div.side", details, h("section.panel", { "aria-label": "What happened" }, h("div.top", h("h2", "What happened")), events))));

  function make(name) {
    const cells = { name: h("span.name"), state: h("span"), why: h("span.why"), slots: h("span.num"), meter: h("i"), spark: spark(), first: h("span.num"), mailbox: h("span.num"), restarts: h("span.num") };
    const opener = h("span.opener", { "aria-hidden": true });
    const meter = h("span.bar.busy", { "aria-hidden": true }, cells.meter);
    const cell = (kind, ...inside) => h(`span.${kind}`, { role: "gridcell" }, ...inside);
    const node = h("div.row", { role: "row", tabindex: -1 }, cell("who", opener, cells.name), cell("how", cells.state, cells.why),
      cell("load", meter, cells.slots), cell("pulse", cells.spark.node), cell("first", cells.first), cell("box", cells.mailbox), cell("again", cells.restarts));
    write(cells.name, name);
    return { node, paint: (facts) => paint(node, cells, opener, meter, facts) };
  }

  function paint(node, cells, opener, meter, facts) {
    node.style.setProperty("--depth", facts.depth || 0);
    set(node, "aria-level", (facts.depth || 0) + 1);
    const isSupervisor = facts.kind === "supervisor";
    if (isSupervisor) set(node, "aria-expanded", !closed.has(facts.name));
    write(opener, isSupervisor ? (closed.has(facts.name) ? "▸" : "▾") : "");
    if (node.said && node.said !== facts.state) {
      node.classList.remove("changed");
      requestAnimationFrame(() => node.classList.add("changed"));
    }
    node.said = facts.state;
    mark(cells.state, facts.state);
    write(cells.why, facts.why || "");
    set(cells.why, "title", facts.why || "");
    meter.hidden = facts.slots == null;
    const part = facts.slots ? `${Math.round((facts.in_flight / facts.slots) * 100)}%` : "0%";
    if (cells.meter.style.width !== part) cells.meter.style.width = part;
    write(cells.slots, facts.slots == null ? "" : `${facts.in_flight}/${facts.slots}`);
    cells.spark.node.classList.toggle("off", !facts.spark);
    if (facts.spark) cells.spark.draw(facts.spark);
    write(cells.first, facts.first_token_s == null ? "" : seconds(facts.first_token_s));
    write(cells.mailbox, facts.mailbox == null ? "" : count(facts.mailbox));
    write(cells.restarts, facts.restarts == null ? "" : count(facts.restarts));
    cells.restarts.classList.toggle("some", facts.restarts > 0);
  }

  /** The names that are shown now: found, and under no closed supervisor. */
  function visible() {
    const q = (go.params.get("q") || "").toLowerCase();
    const known = live.order.filter((name) => live.rows.has(name));
    if (q) return known.filter((name) => name.toLowerCase().includes(q));
    const hidden = new Set();
    return known.filter((name) => {
      const parent = live.rows.get(name).parent;
      if (closed.has(parent) || hidden.has(parent)) hidden.add(name);
      return !hidden.has(name);
    });
  }

  function drawTree(changed) {
    const isDrawn = go.params.get("view") === "drawn";
    grid.hidden = isDrawn;
    picture.hidden = !isDrawn;
    find.hidden = isDrawn;
    none.hidden = true;
    if (isDrawn) {
      const held = picture.contains(document.activeElement) && document.activeElement.getAttribute("href");
      const scrolled = picture.firstChild ? [picture.firstChild.scrollLeft, picture.firstChild.scrollTop] : [0, 0];
      put(picture, drawn(live.order, live.rows, (name) => go.link({ actor: name }), go.params.get("actor")));
      picture.firstChild.scrollTo(...scrolled);
      if (held) [...picture.querySelectorAll("a")].find((each) => each.getAttribute("href") === held)?.focus();
      return;
    }
    const names = changed ? changed : visible();
    if (!changed) {
      rows.order(names);
      none.hidden = names.length > 0 || !live.order.length;
      if (!rows.rows.has(current)) current = names[0] || "";
      for (const [name, row] of rows.rows) {
        row.node.tabIndex = name === current ? 0 : -1;
        set(row.node, "aria-selected", name === go.params.get("actor"));
      }
    }
    for (const name of names) if (live.rows.has(name)) rows.paint(name, live.rows.get(name));
  }

  function focus(name) {
    const row = rows.rows.get(name);
    if (!row) return;
    const before = rows.rows.get(current);
    if (before) before.node.tabIndex = -1;
    current = name;
    row.node.tabIndex = 0;
    row.node.focus();
  }

  function fold(name, isClosed) {
    closed[isClosed ? "add" : "delete"](name);
    drawTree();
    focus(name);
  }

  function pressed(event) {
    const names = [...body.children].map((node) => node.dataset.key);
    const at = names.indexOf(current);
    const facts = live.rows.get(current);
    if (at < 0 || !facts || event.ctrlKey || event.metaKey || event.altKey) return;
    const isSupervisor = facts.kind === "supervisor";
    const to = { ArrowDown: names[at + 1], ArrowUp: names[at - 1], Home: names[0], End: names.at(-1), PageDown: names[Math.min(names.length - 1, at + 15)], PageUp: names[Math.max(0, at - 15)] };
    if (event.key in to) focus(to[event.key]);
    else if (event.key === "ArrowRight" && isSupervisor) closed.has(current) ? fold(current, false) : focus(names[at + 1]);
    else if (event.key === "ArrowLeft") isSupervisor && !closed.has(current) ? fold(current, true) : focus(facts.parent);
    else if (event.key === "Enter" || event.key === " ") go.to({ actor: current });
    else return;
    event.preventDefault();
  }

  function clicked(event) {
    const node = event.target.closest("[data-key]");
    if (!node) return;
    const name = node.dataset.key;
    if (event.target.closest(".opener") && live.rows.get(name).kind === "supervisor") return fold(name, !closed.has(name));
    focus(name);
    go.to({ actor: name });
  }

  function drawTiles() {
    for (const { tile, parts } of tiles) {
      const texts = tile(live.summary);
      parts.forEach((part, at) => (part.classList.contains("word") ? put(part, marked(texts[at])) : write(part, texts[at])));
    }
  }

  function drawEvents() {
    const chosen = go.params.get("actor");
    const latest = live.events.slice(-200).filter((event) => !chosen || [event.worker, event.actor, event.supervisor].includes(chosen)).slice(-60).reverse();
    put(events, latest.map((event) => {
      const { actor, text, more, by } = said(event);
      const [family, glyph] = looks(event.level === "info" ? "running" : event.level);
      return h("li", h("time", clock(event.at)), h(`span.${family}`, { title: event.level }, glyph, h("span.unseen", ` ${event.level} `)),
        h("p", actor ? h("a", { href: go.link({ actor }) }, actor) : null, ` ${text}`, more ? h("span.dim", ` ${more}`) : null, by ? h("span.dim", ` by ${by}`) : null));
    }));
    if (!latest.length) put(events, h("li", empty(chosen ? `Nothing has happened to ${chosen} of late.` : "Nothing has happened yet. Starts, crashes, rests and edits come here.")));
  }

  async function drawDetails(isNew) {
    const name = go.params.get("actor");
    const facts = name && live.rows.get(name);
    details.hidden = !name;
    if (!name) return;
    const mine = ++asked;
    const whole = facts && facts.slots != null ? await call(worker(name)).catch((error) => ({ trouble: error.message })) : null;
    if (mine !== asked) return;
    put(details, h("div.top", h("h2.mono", name), h("button.quiet", { type: "button", "aria-label": "Close", onclick: close }, "✕")),
      facts ? about(facts, whole) : empty(`There is no actor ${name} now.`));
    if (isNew) {
      details.focus({ preventScroll: innerWidth > 1100 });
    }
  }

  function about(facts, whole) {
    const state = h("p", marked(facts.state), facts.why ? h("span.dim", ` ${facts.why}`) : null);
    if (!whole) return [state, h("dl.facts", pairs([["kind", facts.kind], ["mailbox", count(facts.mailbox)], ["restarts", count(facts.restarts)], ["supervisor", facts.parent]])),
      facts.parent ? h("div.buttons", button("restart", facts)) : null];
    if (whole.trouble) return [state, h("p.trouble", `▲ ${whole.trouble}`)];
    const today = (whole.usage && whole.usage.today) || {};
    const refresh = () => drawDetails(false);
    return [state, buttons(facts, refresh),
      h("dl.facts", pairs([["busy", `${facts.in_flight} of ${plural(facts.slots, "slot")}`], ["breaker", words(facts.breaker)], ["address", whole.url], ["key", whole.key],
        ["provider", `${whole.provider} ${whole.version || ""}`], ["answered", `${count(whole.answered)}, ${count(whole.failed)} failed`], ["probed", whole.probed_s_ago == null ? "not yet" : `${seconds(whole.probed_s_ago)} ago`],
        ["today", `${plural(today.requests || 0, "request")}, ${count(today.tokens_in)} tokens in, ${count(today.tokens_out)} out, ${usd(today.cost_usd)}`]])),
      whole.requests.length ? h("p", "Answers now: ", whole.requests.map((id) => h("a.mono", { href: `#/requests?id=${encodeURIComponent(id)}` }, `${id} `))) : null,
      whole.quota.length ? windows(whole.quota) : null,
      whole.models.length ? table("Models", [["model"], ["in memory"], ["context", true], ["first token", true]], h("tbody", whole.models.map((model) => h("tr", h("th.mono", { scope: "row" }, model.name),
        h("td", model.loaded ? "● loaded" : model.loaded === false ? "○ not loaded" : "–"), h("td.num", count(model.context_length)), h("td.num", seconds((whole.pace[model.name] || {}).first_token_s)))))) : null,
      whole.last_failures.length ? [h("h3", "Last failures"), h("ul.plain", whole.last_failures.map((failure) => h("li", h("span.bad", "✕ "), `${failure.detail} `, h("span.dim", `${seconds(failure.s_ago)} ago`))))] : null];
  }

  function close() {
    const name = go.params.get("actor");
    go.to({ actor: "" });
    focus(name);
  }

  function all(isNew) {
    drawTiles();
    drawTree();
    drawEvents();
    drawDetails(isNew);
  }

  all(false);
  const timer = setInterval(() => !document.hidden && !details.contains(document.activeElement) && go.params.get("actor") && drawDetails(false), 3000);
  return {
    update: (before) => {
      const isNew = before.get("actor") !== go.params.get("actor");
      drawTree();
      drawEvents();
      if (isNew) drawDetails(Boolean(go.params.get("actor")));
    },
    escape: close,
    live: (changed) => {
      if (changed.whole) return all(false);
      if (changed.summary) drawTiles();
      if (changed.order) drawTree();
      if (changed.rows.size) drawTree(changed.rows);
      if (changed.events) drawEvents();
    },
    end: () => {
      rows.close();
      clearInterval(timer);
    },
  };
}
