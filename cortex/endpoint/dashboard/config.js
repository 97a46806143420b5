/** What is in force, where each value comes from, and what the last edits did. */

import { call } from "./api.js";
import { choices, empty, finder, h, put, table } from "./dom.js";
import { clock, marked, shown } from "./format.js";
import { effect } from "./keys.js";

export const title = "Config";
export const wants = ["events"];

export function mount(root, go) {
  const wrong = h("div");
  const settings = h("section.panel", { "aria-label": "In force" });
  const edits = h("section.panel", { "aria-label": "Last edits" });
  const param = (name) => go.params.get(name) || "";
  let found = null;
  put(root, h("div.top", h("h1", title), finder("Find a setting", param("q"), (q) => go.change({ q })),
    choices("all", "Which settings", [["", "Set"], ["yes", "All"]], param("all"), (all) => go.change({ all }))), wrong, h("div.sides", settings, h("div.side", edits)));

  function draw() {
    if (!found) return;
    const { problems, sources = {}, edits: last = [] } = found;
    const q = param("q").toLowerCase();
    put(wrong, problems.length ? h("section.panel.trouble", { "aria-label": "The file has mistakes" }, h("h2", "▲ The file has a mistake; what was in force before the edit stays in force"), h("ul", problems.map((each) => h("li.mono", each)))) : null);
    const rows = flat(found.settings).map(([name, value]) => [name, value, origin(name, sources)])
      .filter(([name, , from]) => name.toLowerCase().includes(q) && (param("all") || q || from !== "default"));
    put(settings, h("h2", "In force"), rows.length ? table("Settings in force", [["setting"], ["value"], ["from"]], h("tbody", rows.map(([name, value, from]) =>
      h("tr", h("th.mono", { scope: "row" }, name), h("td.mono.value", shown(value)), h("td.dim", from))))) : empty(q ? "No setting has this in its name." : "Everything is at its default; All shows them."));
    put(edits, h("h2", "Last edits"), last.length ? last.map((edit, at) => h("details.edit", { open: at === 0 }, h("summary", marked(edit.result), ` ${clock(edit.at)}`),
      edit.problems.length ? h("ul.trouble", edit.problems.map((each) => h("li", each))) : null, edit.result === "refused" ? [h("p", "The settings before stay in force."), effect({ diff: edit.diff, effect: {} }).at(-1)] : effect(edit)))
      : empty("No edit since the start. Save supervision.toml, and what it changed is shown here within a second."));
  }

  const load = () => call("cortex/v1/config").then((said) => {
    found = said;
    draw();
  }, (error) => put(settings, empty(`▲ ${error.message}`)));
  load();
  return { update: draw, live: (changed) => (changed.events || changed.whole) && load(), end() {} };
}

/** Where a setting comes from: its own source, or that of the table it stands in. */
function origin(name, sources) {
  for (let at = name; at; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) if (sources[at]) return sources[at];
  return "default";
}

const flat = (value, name = "") => (value && typeof value === "object" && !Array.isArray(value)
  ? Object.entries(value).flatMap(([key, each]) => flat(each, name ? `${name}.${key}` : key)) : value == null ? [] : [[name, value]]);
