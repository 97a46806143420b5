/** Is everything alive, and what is it doing? The supervision tree, its figures, and what happened. */

import { button, buttons } from "./actions.js";
import { call, own } from "./api.js";
import { bar, drawn, spark } from "./charts.js";
import { choices, closer, dim, empty, finder, h, mistakes, pairs, panel, put, redraw, Rows, set, tiles, write } from "./dom.js";
import { clock, count, looks, mark, marked, percent, plural, rate, said, seconds, usd, words } from "./format.js";
import { windows } from "./keys.js";
import { known, live } from "./live.js";

export const title = "Tree";
export const wants = ["rows", "events"];

const COLUMNS = ["actor", "state", "busy", "last minute", "first token", "mailbox", "restarts"];

export function mount(root, go) {
  const body = h("div", { role: "rowgroup" });
  const head = h("div.row.head", { role: "row" }, COLUMNS.map((name, at) => h(at > 3 ? "span.num" : "span", { role: "columnheader" }, name)));
  const grid = h("div", { role: "treegrid", "aria-label": "Supervision tree", onkeydown: pressed, onclick: clicked }, h("div", { role: "rowgroup" }, head), body);
  const [figures, picture, events, none, wrong] = [h("div"), h("div"), h("ol.events"), empty("No actor has this in its name."), h("div")];
  const find = finder("Find an actor", go);
  const details = h("section.panel", { "aria-label": "The chosen actor", tabindex: -1 });
  const rows = new Rows(body, make);
  const closed = new Set();
  let current = "";
  let looksLike = "";
  put(root, h("h1.unseen", title), wrong, figures, h("div.sides", panel("Supervision tree", [find, choices("Shown as", [["", "List"], ["drawn", "Drawn"]], go.get("view"), (view) => go.change({ view }))], none, grid, picture),
    h("div.side", details, panel("What happened", null, events))));

  function make(name) {
    const [state, why, slots, fill, first, box, again, opener] = [h("span"), dim(), h("span"), bar(0), h("span.num"), h("span.num"), h("span.num"), h("i.opener", { "aria-hidden": true })];
    const line = spark();
    const cell = (kind, ...inside) => h(`span.${kind}`, { role: "gridcell" }, inside);
    const node = h("div.row", { role: "row", tabindex: -1 }, cell("who.mono", opener, name), cell("how", state, " ", why), cell("load", fill, slots), cell("pulse", line.node), cell("first", first), cell("box", box), cell("again", again));
    let was = "";
    return { node, paint(facts) {
      const isOpen = facts.kind === "supervisor" && !closed.has(name);
      node.style.setProperty("--depth", facts.depth);
      set(node, "aria-level", facts.depth + 1);
      if (facts.kind === "supervisor") set(node, "aria-expanded", isOpen);
      write(opener, facts.kind !== "supervisor" ? "" : isOpen ? "▾" : "▸");
      if (was && was !== facts.state && !matchMedia("(prefers-reduced-motion: reduce)").matches) node.animate([{ background: "var(--raised)" }, {}], 1000);
      was = facts.state;
      mark(state, was);
      write(why, facts.why || "");
      set(why, "title", facts.why || "");
      fill.hidden = !facts.slots;
      if (facts.slots) fill.firstChild.style.width = `${Math.round((facts.in_flight / facts.slots) * 100)}%`;
      write(slots, facts.slots ? `${facts.in_flight}/${facts.slots}` : "");
      if (facts.spark) line.draw(facts.spark);
      write(first, facts.first_token_s == null ? "" : seconds(facts.first_token_s));
      write(box, facts.mailbox == null ? "" : count(facts.mailbox));
      write(again, facts.restarts == null ? "" : count(facts.restarts));
      set(again, "class", facts.restarts ? "num warn" : "num");
    } };
  }

  /** The names that are shown now: found, and under no closed supervisor. */
  function visible() {
    const q = go.get("q").toLowerCase();
    const hidden = new Set(closed);
    return live.order.filter((name) => {
      const row = live.rows.get(name);
      if (!row || q) return row && name.toLowerCase().includes(q);
      if (!hidden.has(row.parent)) return true;
      hidden.add(name);
      return false;
    });
  }

  function drawTree(changed) {
    const isDrawn = go.get("view") === "drawn";
    grid.hidden = find.hidden = isDrawn;
    picture.hidden = !isDrawn;
    none.hidden = true;
    if (isDrawn) {
      const there = live.order.filter((name) => live.rows.has(name));
      const now = shape(there);
      if (now !== looksLike && there.length) redraw(picture, drawn(there, live.rows, (actor) => go.link({ actor }), go.get("actor")));
      looksLike = now;
      return;
    }
    const names = changed || visible();
    if (!changed) {
      rows.order(names);
      none.hidden = names.length > 0 || !live.order.length;
      if (!rows.rows.has(current)) current = names[0];
      for (const [name, { node }] of rows.rows) {
        node.tabIndex = name === current ? 0 : -1;
        set(node, "aria-selected", name === go.get("actor"));
      }
    }
    for (const name of names) rows.paint(name, live.rows.get(name));
  }

  const shape = (names) => go.get("actor") + names.map((name) => `${name}${live.rows.get(name).state}${live.rows.get(name).in_flight}`);

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
    const names = [...rows.parent.children].map((node) => node.dataset.key);
    const at = names.indexOf(current);
    const { kind, parent } = live.rows.get(current) || {};
    const isOpen = kind === "supervisor" && !closed.has(current);
    const does = { ArrowDown: () => focus(names[at + 1]), ArrowUp: () => focus(names[at - 1]), Home: () => focus(names[0]), End: () => focus(names.at(-1)), Enter: () => go.to({ actor: current }),
      ArrowRight: () => (isOpen ? focus(names[at + 1]) : kind === "supervisor" && fold(current, false)), ArrowLeft: () => (isOpen ? fold(current, true) : focus(parent)) }[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does();
  }

  function clicked({ target }) {
    const name = target.closest("[data-key]")?.dataset.key;
    if (!name) return;
    if (target.matches(".opener") && target.textContent) return fold(name, !closed.has(name));
    focus(name);
    go.to({ actor: name });
  }

  function drawFigures() {
    const now = live.summary;
    const up = live.hello ? Date.now() / 1000 - live.hello.started_at : null;
    put(figures, tiles([["workers", marked(now.status || "unknown"), `up ${seconds(up)} · ${plural(now.clients, "client")}`], ["requests a second", rate(now.requests_per_s), `p50 ${seconds(now.p50_s)} · p95 ${seconds(now.p95_s)}`],
      ["answered at no cost", percent(now.free_share), `${usd(now.saved_usd)} saved · ${usd(now.cost_usd)} spent`], ["in flight", `${count(now.in_flight)} of ${count(now.slots)}`, `${count(now.queue)} waiting for a slot`],
      ["failovers", count(now.failovers), `${count(now.failovers_seen)} noticed by a client`], ["restarts", `${count(now.restarts)} of ${count(now.max_restarts)}`, `allowed within ${seconds(now.max_seconds)}`]]));
    put(wrong, mistakes(now.problems));
  }

  function drawEvents() {
    const chosen = go.get("actor");
    const some = live.events.filter((event) => !chosen || [event.worker, event.actor, event.supervisor].includes(chosen)).slice(-60).reverse();
    redraw(events, some.map((event) => {
      const { actor, text, more } = said(event);
      const [family, glyph] = looks(event.level === "info" ? "ok" : event.level);
      return h("li", h("time", clock(event.at)), h(`span.${family}`, glyph, h("span.unseen", event.level)), h("p", actor && h("a", { href: go.link({ actor }) }, actor), ` ${text} `, dim(more)));
    }), !some.length && h("li", empty(chosen ? `Nothing has happened to ${chosen} of late.` : known("Nothing has happened yet. Starts, crashes, rests and edits come here."))));
  }

  async function drawDetails(isNew) {
    const name = go.get("actor");
    const facts = live.rows.get(name);
    details.hidden = !name;
    if (!name) return;
    const whole = facts?.slots == null ? null : await call(own("workers", name)).catch((error) => ({ trouble: error.message }));
    if (name !== go.get("actor")) return;
    redraw(details, h("div.top", h("h2.mono", name), closer(close)), facts ? about(facts, whole) : empty(`There is no actor ${name} now.`));
    if (isNew) details.focus({ preventScroll: innerWidth > 1100 });
  }

  function about(facts, whole) {
    const state = h("p", marked(facts.state), " ", dim(facts.why));
    if (whole?.trouble) return [state, h("p.trouble", `▲ ${whole.trouble}`)];
    if (!whole) return [state, facts.parent && button("restart", facts), pairs([["kind", facts.kind], ["supervisor", facts.parent], ["mailbox", count(facts.mailbox)], ["restarts", count(facts.restarts)]])];
    const today = whole.usage?.today || {};
    return [state, buttons(facts, () => drawDetails()), pairs([["busy", `${facts.in_flight} of ${plural(facts.slots, "slot")}`], ["breaker", words(facts.breaker)], ["address", whole.url], ["key", whole.key], ["provider", `${whole.provider} ${whole.version || ""}`],
      ["answered", `${count(whole.answered)}, ${count(whole.failed)} failed`], ["probed", whole.probed_s_ago == null ? "not yet" : `${seconds(whole.probed_s_ago)} ago`], ["models", `${plural(whole.models.length, "model")}, ${whole.models.filter((each) => each.loaded).map((each) => each.name).join(", ") || "none"} in memory`],
      ["today", `${plural(today.requests, "request")}, ${count(today.tokens_in)} tokens in, ${count(today.tokens_out)} out, ${usd(today.cost_usd)}`],
      ["requests", h("a", { href: `#/requests?q=${encodeURIComponent(facts.name)}` }, "the latest")], ["answers now", whole.requests.length ? whole.requests.map((id) => [h("a.mono", { href: `#/requests?id=${encodeURIComponent(id)}` }, id), " "]) : null]]), windows(whole.quota),
    whole.last_failures.length > 0 && [h("h3", "Last failures"), h("ul.events", whole.last_failures.map((failure) => h("li", h("span.bad", "✕"), h("p", failure.detail, " ", dim(`${seconds(failure.s_ago)} ago`)))))]];
  }

  function close() {
    const name = go.get("actor");
    go.to({ actor: "" });
    focus(name);
  }

  function all() {
    drawFigures();
    drawTree();
    drawEvents();
    drawDetails();
  }

  all();
  const timer = setInterval(() => document.hidden || drawDetails(), 3000);
  return {
    escape: close,
    update(before) {
      drawTree();
      drawEvents();
      if (before.get("actor") !== go.params.get("actor")) drawDetails(true);
    },
    live(changed) {
      if (changed.whole) return all();
      if (changed.summary) drawFigures();
      if (changed.order) drawTree();
      if (changed.rows.length) drawTree(changed.rows);
      if (changed.events) drawEvents();
    },
    end: () => clearInterval(timer),
  };
}
