/** What is in force, where each value comes from, and what the last edits did. */

import { reading } from "./api.js";
import { choices, dim, empty, finder, h, mistakes, mono, panel, put, redraw, table, top } from "./dom.js";
import { clock, marked, shown } from "./format.js";
import { effect } from "./keys.js";

export const title = "Config";
export const wants = ["events"];

export function mount(root, go) {
  const place = h("div.view");
  put(root, top(title, finder("Find a setting", go), choices("Which settings", [["", "Set"], ["yes", "All"]], go.get("all"), (all) => go.change({ all }))), place);
  const view = reading(place, () => "cortex/v1/config", ({ settings, problems, sources = {}, edits = [] }) => {
    const q = go.get("q").toLowerCase();
    const some = flat(settings).map(([name, value]) => [name, value, origin(name, sources)]).filter(([name, , from]) => name.toLowerCase().includes(q) && (q || go.get("all") || from !== "default"));
    redraw(place, mistakes(problems),
      h("div.sides", panel("In force", null, some.length ? table("Settings", ["setting", "value", "from"], some.map(([name, value, from]) => [mono(name), mono(shown(value)), dim(from)])) : empty(q ? "No setting has this in its name." : "Everything is at its default; All shows them.")),
        h("div.side", panel("Last edits", null, edits.map((edit, at) => h("details", { open: !at }, h("summary", marked(edit.result), ` ${clock(edit.at)}`), edit.problems.map((each) => h("p.trouble", each)),
          edit.result === "refused" && h("p", "The settings before stay in force."), effect(edit).slice(edit.result === "refused" ? 1 : 0))), !edits.length && empty("No edit since the start. Save supervision.toml, and what it changed is shown here within a second.")))));
  });
  return { ...view, live: (changed) => (changed.events || changed.whole) && view.load() };
}

/** Where a setting comes from: its own source, or that of the table it stands in. */
function origin(name, sources) {
  for (let at = name; at; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) if (sources[at]) return sources[at];
  return "default";
}

const flat = (value, name) => (value && typeof value === "object" && !Array.isArray(value) ? Object.entries(value).flatMap(([key, each]) => flat(each, name ? `${name}.${key}` : key)) : value == null ? [] : [[name, value]]);
