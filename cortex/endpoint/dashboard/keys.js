/** How much is left today? Every key and machine with its windows and its use; keys come and go here too. */

import { buttons, confirm, goesOn, open, tell } from "./actions.js";
import { call, own, post, reading } from "./api.js";
import { bar } from "./charts.js";
import { act, choices, dim, empty, h, panel, put, redraw, select, table, top, value, write } from "./dom.js";
import { clock, count, marked, plural, usd, words } from "./format.js";
import { live } from "./live.js";

export const title = "Keys";
export const wants = ["rows"];

/** A key's quota: one bar a window, with its words. */
export const windows = (quota) => h("ul.windows", quota.map((each) => {
  const left = each.limit ? each.left / each.limit : 0;
  const facts = [each.rests_until && `rests until ${clock(each.rests_until)}`, each.reserved && `${count(each.reserved)} promised`, each.reset_at && `anew at ${clock(each.reset_at)}`];
  return h("li", h("p", words(each.window), " ", each.model && dim(each.model)), bar(1 - left, left <= 0 || each.rests_until ? "bad" : left < 0.15 ? "warn" : "ok"),
    h("p.dim", h("b", `${count(each.left)} of ${count(each.limit)} left`), facts.filter(Boolean).map((text) => ` · ${text}`)));
}));

export function mount(root, go) {
  const [cards, use] = [h("div.cards"), h("div")];
  const keys = reading(cards, () => "cortex/v1/keys", (said) => redraw(cards, said.keys.map((each) => card(each, keys.load)), !said.keys.length && empty("There is no key and no machine yet. Add the first with the button above, or edit supervision.toml.")));
  const usage = reading(use, () => "cortex/v1/usage", (said) => drawUse(use, said.usage, go), 20000);
  put(root, top(title, h("button", { type: "button", onclick: () => add(keys.load) }, "Add a key or an Ollama")), cards, use);
  return { update: usage.update, live: keys.live, end() {
    keys.end();
    usage.end();
  } };
}

function card(facts, load) {
  const now = { ...live.rows.get(facts.worker), name: facts.worker, state: facts.state };
  const today = facts.usage?.today || {};
  return h("section.panel", { "aria-label": facts.worker }, h("div.top", h("h2.mono", facts.worker), marked(facts.state)), facts.why && h("p.dim", facts.why),
    h("p.dim", [facts.provider, facts.key ? `key ${facts.key}` : "no key", facts.local && "at home", facts.free ? "at no cost" : "paid", facts.bucket === "shared" && "shares its quota"].filter(Boolean).join(" · ")),
    facts.windows.length ? windows(facts.windows) : h("p.dim", facts.local ? "A machine of your own has no quota." : "No limit is known; what its answers tell of limits is learned."),
    h("p", `Today ${plural(today.requests, "request")}, ${count((today.tokens_in || 0) + (today.tokens_out || 0))} tokens, ${usd(today.cost_usd || 0)}`),
    buttons(now, load, act("Remove", () => remove(now, load), { "aria-label": `Remove ${facts.worker}` })));
}

function drawUse(place, usage, go) {
  const by = go.get("by") || "hour";
  const spans = new Map();
  for (const row of usage.filter((each) => each.span === by)) {
    const [requests, tokens, cost] = spans.get(row.from) || [0, 0, 0];
    spans.set(row.from, [requests + row.requests, tokens + row.tokens_in + row.tokens_out, cost + row.cost_usd]);
  }
  const latest = [...spans].sort().slice(-24).reverse();
  const most = Math.max(1, ...latest.map(([, [requests]]) => requests));
  redraw(place, panel("Use of all keys", choices("Use by", [["hour", "By hour"], ["day", "By day"]], by, (span) => go.change({ by: span })), latest.length
    ? table("Use", [by, "share", "#requests", "#tokens", "#cost"], latest.map(([from, [requests, tokens, cost]]) => [by === "hour" ? clock(Date.parse(from) / 1000).slice(0, -3) : from.slice(0, 10), bar(requests / most), count(requests), count(tokens), usd(cost)]))
    : empty("Nothing was used yet.")));
}

/** What an edit of the settings does to the workers, and its diff, whose signs tell what its colours do. */
export function effect({ effect: { started = [], stopped = [], changed = [], sections = [], restart_needed: later = [] } = {}, diff }) {
  const parts = [[started, "starts"], [[...changed, ...sections], "changes"], [stopped, "stops, after what it answers now"]].filter(([names]) => names.length).map(([names, what]) => `${names.join(", ")} ${what}`);
  return [h("p", parts.length ? `${parts.join("; ")}. Nothing else is touched.` : "No worker is touched.", later.length > 0 && ` Only a new start of Córtex applies ${later.join(", ")}.`),
    diff && h("pre", { tabindex: 0 }, diff.split("\n").map((line) => h(`span.${/^\+(?!\+\+)/.test(line) ? "ok" : /^-(?!--)/.test(line) ? "bad" : "dim"}`, `${line}\n`)))];
}

async function remove(facts, load) {
  const path = `${own("workers", facts.name)}?apply=`;
  const ask = (query) => call(path + query, { method: "DELETE" });
  const found = await ask(0).catch((error) => ({ problems: [error.message] }));
  if (found.problems.length) tell(`▲ ${found.problems.join("; ")} Nothing was changed.`);
  else confirm(`Remove ${facts.name}?`, "Remove", async () => {
    await ask(`1&digest=${found.digest}`);
    load();
    return `${facts.name} was taken out of the settings.`;
  }, `It is taken out of supervision.toml. ${goesOn(facts)}`, effect(found));
}

/** Asks for a key or a machine, shows what that changes, and writes it when told to. */
function add(load) {
  const field = (label, facts) => h("label.field", h("span", label), h("input", { autocomplete: "off", spellcheck: "false", ...facts }));
  const provider = select("What it is", [["ollama", "an Ollama at home"]]);
  const table_ = field("Name of its table", { required: true, pattern: "[A-Za-z0-9_\\-]+", placeholder: "desk" });
  const url = field("Address", { type: "url", placeholder: "http://192.168.1.20:11434" });
  const secret = field("Key", { type: "password" });
  const [seen, go] = [h("div", { role: "status" }), h("button")];
  let found;

  function again() {
    const isHome = value(provider) === "ollama";
    secret.hidden = isHome;
    write(url.firstChild, isHome ? "Address" : "Address, if it is not the usual one");
    found = null;
    put(seen);
    put(go, "Show what changes");
  }

  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    try {
      const said = await post("cortex/v1/workers", { table: value(table_), provider: value(provider), url: value(url) || undefined, key: (!secret.hidden && value(secret)) || undefined, apply: Boolean(found), digest: found?.digest });
      if (found && !said.problems.length) {
        dialog.close();
        tell(`${value(table_)} was written to the settings.`);
        return load();
      }
      found = said.problems.length ? null : said;
      put(seen, found ? effect(found) : said.problems.map((each) => h("p.trouble", `▲ ${each}`)));
      put(go, found ? "Write it" : "Show what changes");
    } catch (error) {
      again();
      put(seen, h("p.trouble", `▲ ${error.message} What was in force stays in force.`));
    }
    go.disabled = false;
  }

  const dialog = open("Add a key or an Ollama", "", h("form", { onsubmit: submit, oninput: again }, h("p.dim", "It is written to supervision.toml, comments kept; a key goes to .env, which only its owner can read. No running request is touched."),
    provider, table_, url, secret, seen, h("div.buttons", act("Leave it", () => dialog.close()), go)));
  again();
  call(own("config")).then(({ providers }) => provider.lastChild.append(...Object.keys(providers).slice(1).map((value) => h("option", { value }, `${providers[value] ? "a key of" : "a server:"} ${value}`))), () => {});
}
