/** What Córtex writes to its log, as it writes it. */

import { call } from "./api.js";
import { tell } from "./actions.js";
import { empty, finder, h, put, select } from "./dom.js";
import { clock, looks, shown } from "./format.js";
import { live } from "./live.js";

export const title = "Logs";
export const wants = ["logs"];

const LEVELS = ["debug", "info", "warning", "error"];

export function mount(root, go) {
  const param = (name) => go.params.get(name) || "";
  const lines = h("ol.logs", { tabindex: 0, "aria-label": "Log" });
  const written = h("span");
  put(root, h("div.top", h("h1", title), finder("Find an actor, a request, a word", param("q"), (q) => go.change({ q })),
    select("Show from", LEVELS.map((each) => [each, each]), param("level") || "debug", (level) => go.change({ level })), written), h("section.panel", { "aria-label": "Log" }, lines));

  function draw() {
    const q = param("q").toLowerCase();
    const least = Math.max(0, LEVELS.indexOf(param("level")));
    const fitting = live.logs.filter((line) => Math.max(0, LEVELS.indexOf(line.level === "critical" ? "error" : line.level)) >= least && (!q || shown(line).toLowerCase().includes(q))).slice(-300).reverse();
    put(lines, fitting.map((line) => {
      const { at, level, event, ...facts } = line;
      const [family, glyph] = looks(level);
      return h("li", h("time", clock(at)), h(`span.${family}`, `${glyph} ${level}`), h("p", h("b", event), h("span.dim.mono", ` ${shown(facts)}`)));
    }), fitting.length ? null : h("li", empty(live.logs.length ? "No line fits these filters." : "Nothing was written since this view was opened.")));
  }

  async function change(level) {
    try {
      await call("cortex/v1/log-level", { method: "POST", body: { level } });
      tell(`The log is written from level ${level} on, until Córtex is started again.`);
    } catch (error) {
      tell(`▲ ${error.message} The level stays as it was.`);
    }
    load();
  }

  const load = () => call("cortex/v1/log-level").then(({ level }) => put(written, select("Write from", LEVELS.map((each) => [each, each]), level, change)), () => put(written));
  load();
  draw();
  return { update: draw, live: (changed) => changed.logs && draw(), end() {} };
}
