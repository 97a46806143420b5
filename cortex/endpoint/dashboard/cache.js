/** What was answered once and kept, and what that spared. */

import { confirm } from "./actions.js";
import { post, reading } from "./api.js";
import { bar } from "./charts.js";
import { act, empty, h, panel, put, redraw, tiles, top } from "./dom.js";
import { bytes, count, percent, plural, seconds, usd } from "./format.js";

export const title = "Cache";
export const wants = ["events"];

export function mount(root) {
  const place = h("div.view");
  let kept = 0;
  put(root, top(title, act("Forget all answers", () => confirm("Forget all kept answers?", "Forget them", async () => {
    const { cleared } = await post("cortex/v1/cache/clear");
    view.load();
    return `${plural(cleared, "answer")} forgotten.`;
  }, `${plural(kept, "answer")} in memory, and those on the disk. The next request for each is answered by a worker again; no running request is touched.`))), place);
  const view = reading(place, () => "cortex/v1/cache", (facts) => {
    const { hit, shared, miss, bypass } = facts.requests;
    const room = (name) => h("li", h("p", name), bar(facts.bytes[name] / facts.limit_bytes[name]), h("p.dim", h("b", bytes(facts.bytes[name])), ` of ${bytes(facts.limit_bytes[name])}`));
    kept = facts.answers_in_memory;
    redraw(place, !facts.enabled && empty("The cache is off; [cache] enabled = true in supervision.toml turns it on."), tiles([["answered from the cache", percent(facts.hit_ratio), "of what may be kept"], ["kept answers given", count(hit), `${count(shared)} more shared one call`],
      ["not there yet", count(miss), `${count(bypass)} were not for the cache`], ["in memory", count(kept), kept ? `the oldest ${seconds(facts.oldest_s)} ago` : "nothing is kept yet"], ["saved", usd(facts.saved_usd), "by not asking again"]]),
    panel("Room", null, h("ul.windows", room("memory"), room("disk")), h("p.dim", `Kept for ${seconds(facts.ttl_s)}, unless the settings say otherwise: ${facts.when === "deterministic" ? "embeddings, and what asks for temperature 0 or a seed" : facts.when}.`)));
  }, 3000);
  return view;
}
