/** What happened to this one? The requests as they come, and the story of each. */

import { call, own } from "./api.js";
import { act, closer, dim, empty, finder, h, mono, pairs, put, redraw, Rows, select, set, table, top, write } from "./dom.js";
import { clock, count, mark, marked, outcome, plural, seconds, usd, words } from "./format.js";
import { known, live } from "./live.js";

export const title = "Requests";
export const wants = ["requests"];

const ENDS = { "": () => true, running: (line) => !line.outcome, ok: (line) => line.outcome === "ok", failed: (line) => line.outcome && line.outcome !== "ok", "failed over": (line) => line.attempts > 1 };
const COLUMNS = ["arrived", "outcome", "asked for", "worker", "model", "#attempts", "#first token", "#total", "#tokens", "cache"];

export function mount(root, go) {
  const [body, none] = [h("tbody"), empty()];
  const rows = new Rows(body, make);
  const pause = act("Pause", hold, { "aria-pressed": "false" });
  const story = h("section.panel", { "aria-label": "The chosen request", tabindex: -1 });
  let held = null;
  put(root, top(title, finder("Find an id, model, worker, client", go), select("Outcome", Object.keys(ENDS).map((end) => [end, end || "all"]), go.get("outcome"), (end) => go.change({ outcome: end })), pause),
    h("div.sides", h("div.panel", table("All requests", COLUMNS, body), none), h("div.side", story)));

  function make(id) {
    const [link, state] = [h("a", { href: go.link({ id }) }), h("span")];
    const cells = COLUMNS.map((word) => h(word[0] === "#" ? "td.num" : "td"));
    cells[0].append(link);
    cells[1].append(state);
    const node = h("tr", { onclick: () => go.to({ id }) }, cells);
    return { node, paint(line) {
      set(node, "class", id === go.get("id") ? "chosen" : "");
      write(link, clock(line.arrived_at));
      mark(state, outcome(line));
      [line.asked, line.worker || "–", line.model || "–", count(line.attempts), seconds(line.first_token_s), line.outcome ? seconds(line.total_s) : "…", line.tokens_out == null ? "–" : `${count(line.tokens_in)} → ${count(line.tokens_out)}`,
        line.cache === "bypass" ? "" : line.cache].forEach((text, at) => write(cells[at + 2], text));
    } };
  }

  function draw() {
    const fits = (line) => (ENDS[go.get("outcome")] || ENDS[""])(line) && `${line.id} ${line.asked} ${line.model} ${line.worker} ${line.client}`.toLowerCase().includes(go.get("q").toLowerCase());
    const some = (held || live.requests).filter(fits).reverse();
    rows.order(some.map((line) => line.id));
    for (const line of some) rows.paint(line.id, line);
    none.hidden = some.length > 0;
    write(none, live.requests.length ? "No request fits these filters." : known("No request has come yet. Send one in the view Try, or point a program at this address."));
  }

  function hold() {
    held = held ? null : [...live.requests];
    set(pause, "aria-pressed", Boolean(held));
    draw();
  }

  async function tell(isNew) {
    const id = go.get("id");
    story.hidden = !id;
    if (!id) return;
    const trace = await call(own("requests", id)).catch((error) => ({ trouble: error.message, outcome: "unknown" }));
    if (id !== go.get("id")) return;
    redraw(story, h("div.top", h("h2", "Request ", mono(id)), closer(close)), trace.trouble ? empty(`▲ ${trace.trouble}`) : tale(trace));
    if (isNew) story.focus({ preventScroll: innerWidth > 1100 });
    if (!trace.outcome) setTimeout(tell, 1000);
  }

  const close = () => go.to({ id: "" });
  draw();
  tell();
  return { escape: close, end() {}, live: (changed) => changed.requests && !held && draw(), update(before) {
    draw();
    if (before.get("id") !== go.params.get("id")) tell(true);
  } };
}

/** One request's story: what came of it, each attempt as a bar, why these candidates, what it took. */
function tale(trace) {
  const whole = trace.outcome ? trace.total_s : Math.max(0.001, Date.now() / 1000 - trace.arrived_at);
  return [h("p", marked(outcome(trace)), ` ${trace.why || ""}`), trace.detail && h("p.dim", trace.detail), h("h3", plural(trace.attempts_made.length, "attempt")),
    h("ol.attempts", trace.attempts_made.map((attempt) => tried(attempt, whole))), pairs([["asked for", trace.asked], ["client", `${trace.client}, ${trace.dialect} ${words(trace.operation)}${trace.stream ? ", streamed" : ""}`],
      ["waited", trace.queued_s ? seconds(trace.queued_s) : "not for a slot"], ["Córtex's own", trace.overhead_s == null ? "" : `${(trace.overhead_s * 1000).toFixed(2)} ms`], ["tokens", trace.tokens_out == null ? "" : `${count(trace.tokens_in)} in, ${count(trace.tokens_out)} out`],
      ["cost", trace.cost_usd == null ? "" : `${usd(trace.cost_usd)}, ${usd(trace.saved_usd)} saved`], ["cache", trace.cache], ["status", trace.status]]),
    trace.candidates?.length > 0 && [h("h3", "Candidates"), table("Candidates", ["worker", "model", "why"], trace.candidates.map((each) => [mono(each.worker), mono(each.model), each.reason]))]];
}

function tried(attempt, whole) {
  const ended = attempt.ended_s ?? whole;
  const first = attempt.first_token_s ?? ended;
  const part = (kind, from, to) => {
    const piece = h(`i.${kind}`);
    Object.assign(piece.style, { left: `${(from / whole) * 100}%`, width: `${Math.max(0.5, ((to - from) / whole) * 100)}%` });
    return piece;
  };
  const text = attempt.failure ? `✕ ${attempt.failure}` : attempt.first_token_s == null ? "waits for the first token" : `first token after ${seconds(first - attempt.began_s)}`;
  return h("li", h("p", h("b.mono", attempt.worker), ` ${attempt.model} `, dim(attempt.why, attempt.cold && " · loads the model")), h("span.lane", { "aria-hidden": true }, part(attempt.failure ? "fail" : "wait", attempt.began_s, first), !attempt.failure && part("flow", first, ended)),
    h(attempt.failure ? "p.bad" : "p.dim", `${text} · ${seconds(attempt.began_s)} to ${seconds(ended)}`));
}
