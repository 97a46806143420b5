/** How has it been going? Throughput, times, tokens, money and cache, over a span. */

import { reading } from "./api.js";
import { chart } from "./charts.js";
import { choices, empty, h, put, redraw, top } from "./dom.js";
import { count, percent, plural, rate, seconds, usd } from "./format.js";

export const title = "Charts";
export const wants = ["events"];

const SPANS = { "15m": "15 minutes", "24h": "24 hours", "30d": "30 days" };
const sum = (values = []) => values.reduce((all, value) => all + (value || 0), 0);

export function mount(root, go) {
  const place = h("div.charts");
  const span = () => (SPANS[go.get("span")] ? go.get("span") : "15m");
  put(root, top(title, choices("Over", Object.entries(SPANS), span(), (chosen) => go.change({ span: chosen }))), place);
  const view = reading(place, () => `cortex/v1/history?span=${span()}`, (said) =>
    redraw(place, sum(said.series.requests) ? drawn(said, SPANS[said.span]) : empty(`No request in the last ${SPANS[said.span]}. The charts begin with the first.`)));
  return { ...view, update: () => view.load(true) };
}

function drawn({ series: all, workers, from, step_s: step }, over) {
  const readers = [];
  const draw = (name, sentence, say, lines) => chart(readers, name, sentence, say, lines.map(([line, values]) => [line, values || []]), from, step);
  const per = (values = []) => values.map((value) => value && value / step);
  const busiest = Object.entries(workers).sort(([, one], [, other]) => sum(other.requests) - sum(one.requests)).slice(0, 4);
  const cached = (all.cache_hits || []).map((hits, at) => (all.requests[at] ? hits / all.requests[at] : null));
  return [
    draw("Throughput", `${plural(sum(all.requests), "request")} in ${over}, ${count(sum(all.failed))} failed; at most ${count(Math.max(0, ...(all.in_flight || [])))} at once.`, (n) => `${rate(n)} /s`, [["requests", per(all.requests)], ["failed", per(all.failed)]]),
    draw("First token", `Half of the latest answers begin within ${seconds(all.first_token_p50_s?.findLast((value) => value != null))}.`, seconds, [["p50", all.first_token_p50_s], ["p95", all.first_token_p95_s]]),
    draw("Time by worker", `Half of the answers are whole within this time: the busiest ${plural(busiest.length, "worker")}.`, seconds, busiest.map(([name, each]) => [name, each.total_p50_s])),
    draw("Tokens", `${count(sum(all.tokens_in))} in and ${count(sum(all.tokens_out))} out in ${over}.`, count, [["in", all.tokens_in], ["out", all.tokens_out]]),
    draw("Money", `${usd(sum(all.saved_usd))} saved and ${usd(sum(all.cost_usd))} spent in ${over}.`, usd, [["saved", all.saved_usd], ["spent", all.cost_usd]]),
    draw("Cache", `${plural(sum(all.cache_hits), "answer")} from the cache in ${over}.`, percent, [["share of requests", cached]]),
  ];
}
