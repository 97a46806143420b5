/** Who can answer what? Models down, workers across. */

import { reading } from "./api.js";
import { dim, empty, finder, h, mono, put, redraw, table, top } from "./dom.js";
import { count, seconds } from "./format.js";

export const title = "Models";
export const wants = ["events"];

const ACROSS = 24;

export function mount(root, go) {
  const place = h("div.panel");
  put(root, top(title, finder("Find a model or a worker", go)), place);
  return reading(place, () => "cortex/v1/models", (said) => {
    const has = (text) => text.toLowerCase().includes(go.get("q").toLowerCase());
    const named = said.models.filter((model) => [model.name, ...model.aliases].some(has));
    const models = named.length ? named : said.models.filter((model) => Object.keys(model.workers).some(has));
    const workers = said.workers.filter((name) => (named.length || has(name)) && models.some((model) => model.workers[name]));
    const across = workers.slice(0, ACROSS);
    redraw(place, models.length ? table(title, ["model", ...across], models.map((model) => [[mono(model.name), model.aliases.length > 0 && dim(` also ${model.aliases.join(", ")}`)], ...across.map((name) => cell(model.workers[name]))]))
      : empty(said.models.length ? "No model and no worker has this in its name." : "No worker has said yet which models it has."), workers.length > ACROSS && h("p.dim", `${ACROSS} of ${workers.length} workers are shown; find others by name.`));
  });
}

function cell(has) {
  if (!has) return dim("–");
  const { first_token_s: first, tokens_per_s: speed, context_length: context, price } = has;
  return [h(has.loaded ? "span.ok" : "span", has.loaded ? "● loaded" : "○ available"), [first && `${seconds(first)} to first`, speed && `${count(Math.round(speed))} tokens/s`, context && `${count(context)} context`,
    price && (price.input || price.output ? `$${price.input} in, $${price.output} out` : "no cost")].filter(Boolean).map((text) => h("p.dim", text))];
}
