/** Who can answer what? Models down, workers across. */

import { call } from "./api.js";
import { empty, finder, h, put, table } from "./dom.js";
import { count, seconds } from "./format.js";

export const title = "Models";
export const wants = ["events"];
const ACROSS = 24;

export function mount(root, go) {
  const place = h("section.panel", { "aria-label": "Models" });
  let found = { models: [], workers: [] };
  put(root, h("div.top", h("h1", title), finder("Find a model or a worker", go.params.get("q") || "", (q) => go.change({ q }))), place);

  function draw() {
    const q = (go.params.get("q") || "").toLowerCase();
    const has = (text) => text.toLowerCase().includes(q);
    const byName = found.models.filter((model) => has(model.name) || model.aliases.some(has));
    const byWorker = byName.length ? found.workers : found.workers.filter(has);
    const models = byName.length ? byName : found.models.filter((model) => byWorker.some((name) => model.workers[name]));
    const across = byWorker.filter((name) => models.some((model) => model.workers[name]));
    put(place, models.length ? [table("Models by worker", [["model"], ...across.slice(0, ACROSS).map((name) => [name])], h("tbody", models.map((model) => h("tr",
      h("th", { scope: "row" }, h("span.mono", model.name), model.aliases.length ? h("span.dim", ` also ${model.aliases.join(", ")}`) : null), across.slice(0, ACROSS).map((name) => h("td", cell(model.workers[name]))))))),
    across.length > ACROSS ? h("p.dim", `${ACROSS} of ${across.length} workers are shown; find others by name.`) : null]
      : empty(found.models.length ? "No model and no worker has this in its name." : "No worker has said yet which models it has."));
  }

  const load = () => call("cortex/v1/models").then((said) => {
    found = said;
    draw();
  }, (error) => put(place, empty(`▲ ${error.message}`)));
  load();
  const timer = setInterval(() => !document.hidden && load(), 5000);
  return { update: draw, live: (changed) => changed.whole && load(), end: () => clearInterval(timer) };
}

function cell(has) {
  if (!has) return h("span.faint", "–");
  const facts = [has.first_token_s == null ? "" : `${seconds(has.first_token_s)} to first`, has.tokens_per_s ? `${count(Math.round(has.tokens_per_s))} tokens/s` : "", has.context_length ? `${count(has.context_length)} context` : "",
    has.price ? (has.price.input || has.price.output ? `$${has.price.input} in, $${has.price.output} out` : "no cost") : ""].filter(Boolean);
  return [h(has.loaded ? "span.ok" : "span.idle", has.loaded ? "● loaded" : "○ available"), facts.map((text) => h("span.dim.line", text))];
}
