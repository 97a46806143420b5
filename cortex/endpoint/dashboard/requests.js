/** What happened to this one? The requests as they come, and the story of each. */

import { call } from "./api.js";
import { empty, finder, h, pairs, put, select, set, table, write } from "./dom.js";
import { FAILED, clock, count, mark, marked, outcome, percent, plural, seconds, usd, words } from "./format.js";
import { live } from "./live.js";
import { Rows } from "./rows.js";

export const title = "Requests";
export const wants = ["requests"];

const ENDS = { "": "all", running: "in progress", ok: "ok", failed: "failed", failover: "failed over" };
const IS = { running: (line) => !line.outcome, ok: (line) => line.outcome === "ok", failed: (line) => line.outcome && line.outcome !== "ok", failover: (line) => line.attempts > 1 };
const COLUMNS = [["arrived"], ["outcome"], ["asked for"], ["worker"], ["model"], ["attempts", true], ["first token", true], ["total", true], ["tokens", true], ["cache"]];

export function mount(root, go) {
  const param = (name) => go.params.get(name) || "";
  const body = h("tbody");
  const rows = new Rows(body, make);
  const none = empty();
  const pause = h("button.quiet", { type: "button", "aria-pressed": "false", onclick: hold }, "Pause");
  const story = h("section.panel.detail", { "aria-label": "The chosen request", tabindex: -1, hidden: true });
  let held = null;
  put(root, h("div.top", h("h1", title), finder("Find in id, model, worker, client", param("q"), (q) => go.change({ q })),
    select("Outcome", Object.entries(ENDS), param("outcome"), (end) => go.change({ outcome: end })), pause),
  h("div.sides", h("section.panel", table("Requests", COLUMNS, body), none), h("div.side", story)));

  function make(id) {
    const link = h("a");
    const cells = COLUMNS.map(([, number]) => h(number ? "td.num" : "td"));
    const state = h("span");
    cells[0].append(link);
    cells[1].append(state);
    return {
      node: h("tr", { onclick: () => go.to({ id }) }, cells),
      paint(line) {
        set(link, "href", go.link({ id }));
        write(link, clock(line.arrived_at));
        mark(state, outcome(line), FAILED);
        const now = [line.asked, line.worker || "–", line.model || "–", count(line.attempts), seconds(line.first_token_s), line.outcome ? seconds(line.total_s) : "…",
          line.tokens_out == null ? "–" : `${count(line.tokens_in)} → ${count(line.tokens_out)}`, line.cache === "bypass" ? "" : line.cache];
        now.forEach((text, at) => write(cells[at + 2], text));
        set(cells[0].parentNode, "class", id === param("id") ? "chosen" : "");
      },
    };
  }

  function draw() {
    const q = param("q").toLowerCase();
    const is = IS[param("outcome")] || (() => true);
    const shown = (held || live.requests).filter((line) => is(line) && (!param("worker") || line.worker === param("worker"))
      && (!q || `${line.id} ${line.asked} ${line.model} ${line.worker} ${line.client}`.toLowerCase().includes(q))).reverse();
    rows.order(shown.map((line) => line.id));
    for (const line of shown) rows.paint(line.id, line);
    none.hidden = shown.length > 0;
    write(none, live.requests.length ? "No request fits these filters." : "No request has come yet. Send one from the view Try, or point a program at this address.");
  }

  function hold() {
    held = held ? null : [...live.requests];
    set(pause, "aria-pressed", Boolean(held));
    write(pause, held ? "Go on" : "Pause");
    draw();
  }

  async function tell(isNew) {
    const id = param("id");
    story.hidden = !id;
    if (!id) return;
    const trace = await call(`cortex/v1/requests/${encodeURIComponent(id)}`).catch((error) => ({ trouble: error.message }));
    if (id !== param("id")) return;
    put(story, h("div.top", h("h2", "Request ", h("span.mono", id)), h("button.quiet", { type: "button", "aria-label": "Close", onclick: close }, "✕")),
      trace.trouble ? empty(`▲ ${trace.trouble}`) : tale(trace));
    if (isNew) story.focus();
    if (!trace.trouble && !trace.outcome) setTimeout(tell, 1000);
  }

  function close() {
    go.to({ id: "" });
  }

  draw();
  tell(false);
  return {
    update: (before) => {
      draw();
      if (before.get("id") !== param("id")) tell(true);
    },
    escape: close,
    live: (changed) => changed.requests && !held && draw(),
    end: () => rows.close(),
  };
}

/** One request's story: what came of it, each attempt as a bar, why these candidates, what it took. */
function tale(trace) {
  const end = trace.outcome ? trace.total_s : Math.max(0.001, Date.now() / 1000 - trace.arrived_at);
  return [h("p", marked(outcome(trace), FAILED), ` ${trace.why || trace.detail || ""}`), trace.detail ? h("p.dim", trace.detail) : null,
    h("h3", "Attempts"), trace.attempts_made.length ? h("ol.attempts", trace.attempts_made.map((attempt) => bars(attempt, end))) : h("p.dim", "No worker was asked."),
    h("dl.facts", pairs([["asked for", trace.asked], ["client", trace.client], ["dialect", `${trace.dialect} ${words(trace.operation)}${trace.stream ? ", streamed" : ""}`], ["waited", trace.queued_s ? seconds(trace.queued_s) : "not for a slot"],
      ["Córtex's own", trace.overhead_s == null ? null : `${(trace.overhead_s * 1000).toFixed(2)} ms`], ["tokens", trace.tokens_out == null ? null : `${count(trace.tokens_in)} in, ${count(trace.tokens_out)} out`],
      ["cost", trace.cost_usd == null ? null : `${usd(trace.cost_usd)}, ${usd(trace.saved_usd)} saved`], ["cache", trace.cache], ["status", trace.status || null]])),
    trace.candidates && trace.candidates.length ? [h("h3", "Candidates"), table("Candidates", [["worker"], ["model"], ["why"]], h("tbody", trace.candidates.map((each) =>
      h("tr", h("th.mono", { scope: "row" }, each.worker), h("td.mono", each.model), h("td", each.reason)))))] : null];
}

function bars(attempt, whole) {
  const ended = attempt.ended_s ?? whole;
  const first = attempt.first_token_s ?? ended;
  const part = (kind, from, to) => {
    const piece = h(`i.${kind}`);
    piece.style.left = percent(from / whole);
    piece.style.width = percent(Math.max(0.004, (to - from) / whole));
    return piece;
  };
  const said = attempt.failure ? `✕ ${attempt.failure}` : attempt.first_token_s == null ? "waits for the first token" : `first token after ${seconds(first - attempt.began_s)}`;
  return h("li", h("p", h("b.mono", attempt.worker), ` ${attempt.model}`, h("span.dim", ` ${attempt.why}${attempt.cold ? " · loads the model" : ""}`)),
    h("span.lane", { "aria-hidden": true }, part("wait", attempt.began_s, first), part(attempt.failure ? "fail" : "flow", first, ended)),
    h(attempt.failure ? "p.bad" : "p.dim", `${said} · ${seconds(attempt.began_s)} to ${seconds(ended)}`));
}
