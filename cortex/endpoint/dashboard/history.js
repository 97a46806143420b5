/** How has it been going? Throughput, times, tokens, money and cache, over a span. */

import { call } from "./api.js";
import { chart, forget } from "./charts.js";
import { choices, empty, h, put } from "./dom.js";
import { count, percent, plural, rate, seconds, usd } from "./format.js";

export const title = "Charts";
export const wants = ["events"];

const SPANS = { "15m": "15 minutes", "24h": "24 hours", "30d": "30 days" };
const sum = (values = []) => values.reduce((all, value) => all + (value || 0), 0);
const most = (values = []) => Math.max(0, ...values.map((value) => value || 0));
const latest = (values = []) => values.findLast((value) => value != null);
const part = (some = [], all = []) => all.map((value, at) => (value ? (some[at] || 0) / value : null));

export function mount(root, go) {
  const place = h("div.charts");
  const span = () => (go.params.get("span") in SPANS ? go.params.get("span") : "15m");
  put(root, h("div.top", h("h1", title), choices("span", "Over", Object.entries(SPANS), span(), (chosen) => go.change({ span: chosen }))), place);

  const load = () => call(`cortex/v1/history?span=${span()}`).then((said) => {
    const opened = [...place.querySelectorAll("details")].map((each) => each.open);
    forget();
    put(place, sum(said.series.requests) ? drawn(said, SPANS[said.span]) : empty(`No request in the last ${SPANS[said.span]}. Charts begin with the first.`));
    place.querySelectorAll("details").forEach((each, at) => { each.open = opened[at]; });
  }, (error) => put(place, empty(`▲ ${error.message}`)));
  load();
  const timer = setInterval(() => !document.hidden && !place.matches(":hover, :focus-within") && load(), 5000);
  return { update: load, live: (changed) => changed.whole && load(), end: () => clearInterval(timer) };
}

function drawn({ series, workers, from, step_s: step }, over) {
  const per = (values = []) => values.map((value) => (value == null ? null : value / step));
  const busiest = Object.entries(workers).sort(([, one], [, other]) => sum(other.requests) - sum(one.requests)).slice(0, 4);
  const draw = (name, sentence, say, ...lines) => chart({ title: name, sentence, say, from, step, lines: lines.map(([line, values]) => ({ name: line, values: values || [] })) });
  return [
    draw("Throughput", `${plural(sum(series.requests), "request")} in ${over}, ${count(sum(series.failed))} failed.`, (n) => (n == null ? "–" : `${rate(n)}/s`), ["requests", per(series.requests)], ["failed", per(series.failed)]),
    draw("First token", `Half of the answers begin within ${seconds(latest(series.first_token_p50_s))}.`, seconds, ["p50", series.first_token_p50_s], ["p95", series.first_token_p95_s]),
    draw("Time by worker", busiest.length ? `Of the ${busiest.length} busiest, half of the answers are whole within this time.` : "No worker has answered.", seconds, ...busiest.map(([name, each]) => [name, each.total_p50_s])),
    draw("Tokens", `${count(sum(series.tokens_in))} in and ${count(sum(series.tokens_out))} out in ${over}.`, (n) => count(n == null ? null : Math.round(n)), ["in", series.tokens_in], ["out", series.tokens_out]),
    draw("Money", `${usd(sum(series.saved_usd))} saved and ${usd(sum(series.cost_usd))} spent in ${over}.`, usd, ["saved", series.saved_usd], ["spent", series.cost_usd]),
    draw("Cache and load", `${plural(sum(series.cache_hits), "answer")} from the cache in ${over}; at most ${plural(most(series.in_flight), "request")} at once.`, percent, ["answered from the cache", part(series.cache_hits, series.requests)]),
  ];
}
