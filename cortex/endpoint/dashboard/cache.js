/** What was answered once and kept, and what that spared. */

import { confirm } from "./actions.js";
import { call } from "./api.js";
import { bar } from "./charts.js";
import { empty, h, put } from "./dom.js";
import { bytes, count, percent, plural, seconds, usd } from "./format.js";

export const title = "Cache";
export const wants = ["events"];

export function mount(root) {
  const place = h("div");
  const forget = h("button.quiet", { type: "button", onclick: clear }, "Forget all answers");
  let kept = 0;
  put(root, h("div.top", h("h1", title), forget), place);

  function clear() {
    confirm("Forget all kept answers?", [`${plural(kept, "answer")} in memory, and those on the disk. The next request for each is answered by a worker again; no running request is touched.`], "Forget them", async () => {
      const { cleared } = await call("cortex/v1/cache/clear", { method: "POST" });
      load();
      return `${plural(cleared, "answer")} forgotten.`;
    });
  }

  const load = () => call("cortex/v1/cache").then((facts) => {
    kept = facts.answers_in_memory;
    const { hit = 0, shared = 0, miss = 0, bypass = 0 } = facts.requests;
    const tile = (name, value, more) => h("div.tile", h("dt", name), h("dd.figure", value), h("dd.dim", more));
    const part = (name, where) => h("li", h("span", name), bar(facts.bytes[where] / facts.limit_bytes[where]), h("span.dim", h("b", bytes(facts.bytes[where])), ` of ${bytes(facts.limit_bytes[where])}`));
    put(place, facts.enabled ? null : empty("The cache is off: [cache] enabled = true turns it on."), h("dl.tiles", tile("answered from the cache", percent(facts.hit_ratio), "of what may be kept"),
      tile("kept answers", count(hit), `${count(shared)} more shared one call`), tile("not there yet", count(miss), `${count(bypass)} were not for the cache`),
      tile("in memory", count(kept), facts.oldest_s == null ? "nothing is kept yet" : `the oldest ${seconds(facts.oldest_s)} ago`), tile("saved", usd(facts.saved_usd), "by not asking again")),
    h("section.panel", { "aria-label": "Room" }, h("h2", "Room"), h("ul.windows", part("memory", "memory"), part("disk", "disk")),
      h("p.dim", `Kept: ${facts.when === "deterministic" ? "embeddings, and what asks for temperature 0 or a seed" : facts.when}, for ${seconds(facts.ttl_s)} unless the settings say otherwise.`)));
  }, (error) => put(place, empty(`▲ ${error.message}`)));
  load();
  const timer = setInterval(() => !document.hidden && load(), 3000);
  return { update: load, live: (changed) => changed.whole && load(), end: () => clearInterval(timer) };
}
