/** How much is left today? Every key and machine with its windows and its use; keys come and go here too. */

import { button, buttons, confirm, open, tell } from "./actions.js";
import { call, worker } from "./api.js";
import { bar } from "./charts.js";
import { choices, empty, h, put, select, table } from "./dom.js";
import { count, marked, plural, usd } from "./format.js";
import { live } from "./live.js";
import { windows } from "./quota.js";

export const title = "Keys";
export const wants = ["rows", "events"];

const PROVIDERS = ["ollama", "gemini", "groq", "cohere", "openai", "anthropic", "openrouter", "openrouter-free", "nvidia", "cloudflare", "openai-compatible"];

export function mount(root, go) {
  const cards = h("div.cards");
  const use = h("section.panel", { "aria-label": "Use" });
  put(root, h("div.top", h("h1", title), h("button", { type: "button", onclick: () => add(load) }, "Add a key or an Ollama")), cards, use);

  async function load() {
    try {
      const [{ keys }, { usage }] = await Promise.all([call("cortex/v1/keys"), call("cortex/v1/usage")]);
      put(cards, keys.map((each) => card(each, load)), keys.length ? null : empty("There is no key and no machine yet. Add the first with the button above, or edit supervision.toml."));
      drawUse(usage);
    } catch (error) {
      put(cards, empty(`▲ ${error.message} Nothing is shown that is not known.`));
    }
  }

  function drawUse(usage) {
    const by = go.params.get("by") || "hour";
    const spans = new Map();
    for (const row of usage.filter((each) => each.span === by)) {
      const sum = spans.get(row.from) || { requests: 0, tokens: 0, cost: 0 };
      spans.set(row.from, { requests: sum.requests + row.requests, tokens: sum.tokens + row.tokens_in + row.tokens_out, cost: sum.cost + row.cost_usd });
    }
    const latest = [...spans].sort().slice(-24).reverse();
    const most = Math.max(1, ...latest.map(([, sum]) => sum.requests));
    const said = (from) => new Date(from).toLocaleString("en", by === "hour" ? { weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false } : { day: "numeric", month: "short", timeZone: "UTC" });
    put(use, h("div.top", h("h2", "Use of all keys"), choices("by", "Use by", [["hour", "By hour"], ["day", "By day"]], by, (span) => go.change({ by: span }))),
      latest.length ? table("Use in numbers", [[by], ["share"], ["requests", true], ["tokens", true], ["cost", true]], h("tbody", latest.map(([from, sum]) => h("tr", h("th", { scope: "row" }, said(from)),
        h("td.grow", bar(sum.requests / most)), h("td.num", count(sum.requests)), h("td.num", count(sum.tokens)), h("td.num", usd(sum.cost)))))) : empty("Nothing was used yet."));
  }

  load();
  const timer = setInterval(() => !document.hidden && !root.contains(document.querySelector("button:focus")) && load(), 5000);
  return { update: load, live: (changed) => changed.whole && load(), end: () => clearInterval(timer) };
}

function card(facts, load) {
  const now = { name: facts.worker, ...live.rows.get(facts.worker), state: facts.state };
  const today = (facts.usage && facts.usage.today) || {};
  return h("section.panel", { "aria-label": facts.worker }, h("div.top", h("h2.mono", facts.worker), marked(facts.state), facts.why ? h("span.dim", facts.why) : null),
    h("p.dim", [facts.provider, facts.key ? `key ${facts.key}` : "no key", facts.local ? "at home" : "", facts.free ? "at no cost" : "paid", facts.bucket === "shared" ? "shares its quota" : ""].filter(Boolean).join(" · ")),
    facts.windows.length ? windows(facts.windows) : h("p.dim", facts.local ? "A machine of your own has no quota." : "No limit is known. What its answers tell of limits is learned."),
    h("p", `Today ${plural(today.requests || 0, "request")}, ${count((today.tokens_in || 0) + (today.tokens_out || 0))} tokens, ${usd(today.cost_usd || 0)}`),
    buttons(now, load), h("button.quiet", { type: "button", "aria-label": `Remove: ${facts.worker}`, onclick: () => remove(facts, load) }, "Remove"));
}

/** What an edit of the settings would do, for people; the diff below. */
export function effect(found) {
  const { started = [], stopped = [], changed = [] } = found.effect || {};
  const parts = [[started, "starts"], [changed, "changes"], [stopped, "stops, after what it answers now"]].filter(([names]) => names.length).map(([names, what]) => `${names.join(", ")} ${what}`);
  return [h("p", parts.length ? `${parts.join("; ")}. Nothing else is touched.` : "No worker is touched."), found.diff ? diff(found.diff) : null];
}

/** A unified diff; its signs tell what its colours do. */
export const diff = (text) => h("pre.diff", { tabindex: 0 }, text.split("\n").map((line) => h(line.startsWith("+") ? "span.ok" : line.startsWith("-") ? "span.bad" : "span", `${line}\n`)));

function remove(facts, load) {
  const path = worker(facts.worker);
  const running = (live.rows.get(facts.worker) || {}).in_flight || 0;
  call(`${path}?apply=0`, { method: "DELETE" }).then((found) => confirm(`Remove ${facts.worker}?`, [`It is taken out of supervision.toml. ${running ? `${plural(running, "request")} of it go on to their end.` : "It is answering nothing now."}`], "Remove it", async () => {
    await call(`${path}?apply=1&digest=${encodeURIComponent(found.digest)}`, { method: "DELETE" });
    load();
    return `${facts.worker} was removed from the settings.`;
  }, effect(found)), (error) => tell(`▲ ${error.message} Nothing was changed.`));
}

/** Asks for a key or a machine, shows what that changes, and writes it when told to. */
function add(load) {
  const field = (label, facts) => h("label.field", h("span", label), h("input", { autocomplete: "off", spellcheck: "false", ...facts }));
  const provider = select("What it is", PROVIDERS.map((name) => [name, name === "ollama" ? "an Ollama at home" : `a key of ${name}`]), "ollama", fit);
  const name = field("Name of its table", { required: true, pattern: "[A-Za-z0-9_.-]+", placeholder: "desk" });
  const url = field("Address", { type: "url", placeholder: "http://192.168.1.20:11434" });
  const secret = field("Key", { type: "password" });
  const seen = h("div");
  const go = h("button", { type: "submit" }, "Show what changes");
  const read = (label) => label.lastChild.value.trim();
  let found = null;

  function fit() {
    const isHome = provider.lastChild.value === "ollama";
    secret.hidden = isHome;
    url.firstChild.textContent = isHome ? "Address" : "Address, if it is not the usual one";
    again();
  }

  function again() {
    found = null;
    put(seen);
    put(go, "Show what changes");
  }

  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    const body = { table: read(name), provider: provider.lastChild.value, apply: Boolean(found) };
    if (read(url)) body.url = read(url);
    if (read(secret) && !secret.hidden) body.key = read(secret);
    if (found) body.digest = found.digest;
    try {
      const said = await call("cortex/v1/workers", { method: "POST", body });
      if (body.apply && !said.problems.length) {
        dialog.close();
        tell(`${body.table} was written to the settings.`);
        load();
        return;
      }
      found = said.problems.length ? null : said;
      put(seen, said.problems.length ? h("ul.trouble", { role: "alert" }, said.problems.map((each) => h("li", `▲ ${each}`))) : effect(said));
      put(go, found ? "Write it" : "Show what changes");
    } catch (error) {
      again();
      put(seen, h("p.trouble", { role: "alert" }, `▲ ${error.message} What was in force stays in force.`));
    } finally {
      go.disabled = false;
    }
  }

  const dialog = open(h("dialog", { "aria-labelledby": "add-title" }, h("form", { onsubmit: submit, oninput: again }, h("h2", { id: "add-title" }, "Add a key or an Ollama"),
    h("p.dim", "It is written to supervision.toml, comments kept; a key goes to .env, which only its owner can read. No running request is touched."),
    provider, name, url, secret, seen, h("div.buttons", h("button.quiet", { type: "button", onclick: () => dialog.close() }, "Leave it"), go))));
  fit();
}
