/** What Córtex writes to its log, as it writes it. */

import { tell } from "./actions.js";
import { call, post } from "./api.js";
import { empty, finder, h, put, select, top } from "./dom.js";
import { clock, looks, shown } from "./format.js";
import { known, live } from "./live.js";

export const title = "Logs";
export const wants = ["logs"];

const LEVELS = ["debug", "info", "warning", "error", "critical"];

export function mount(root, go) {
  const lines = h("ol.logs", { tabindex: 0, "aria-label": "Log" });
  const written = h("span");
  put(root, top(title, finder("Find an actor, a request, a word", go), select("Show from", LEVELS.slice(0, 4), go.get("level"), (level) => go.change({ level })), written), h("section.panel", { "aria-label": title }, lines));

  function draw() {
    const least = LEVELS.indexOf(go.get("level"));
    const some = live.logs.filter((line) => LEVELS.indexOf(line.level) >= least && shown(line).toLowerCase().includes(go.get("q").toLowerCase())).slice(-300).reverse();
    put(lines, some.map(({ at, level = "info", event, ...facts }) => {
      const [family, glyph] = looks(level);
      return h("li", h("time", clock(at)), h(`span.${family}`, `${glyph} ${level}`), h("p", h("b", event), h("span.dim.mono", ` ${shown(facts)}`)));
    }), !some.length && h("li", empty(live.logs.length ? "No line fits these filters." : known("Nothing was written yet at the level that is in force."))));
  }

  async function change(level) {
    await post("cortex/v1/log-level", { level }).then(() => tell(`The log is written from ${level} on until Córtex is started again.`), (error) => tell(`▲ ${error.message} The level stays as it was.`));
    load();
  }

  const load = () => call("cortex/v1/log-level").then(({ level }) => put(written, select("Write from", LEVELS.slice(0, 4), level, change)), () => put(written));
  load();
  draw();
  return { update: draw, live: (changed) => changed.logs && draw(), end() {} };
}
