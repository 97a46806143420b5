/** A chat box that streams, and shows who answers and why. */

import { call, send } from "./api.js";
import { empty, h, put, select } from "./dom.js";
import { count, seconds } from "./format.js";

export const title = "Try";
export const wants = ["events"];

let turns = [];

export function mount(root) {
  const box = h("textarea", { rows: 3, required: true, placeholder: "Say something. Enter sends, Shift+Enter begins a line.", "aria-label": "Message", onkeydown: (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      box.form.requestSubmit();
    }
  } });
  const names = h("datalist", { id: "models" });
  const model = h("input", { list: "models", placeholder: "auto", autocomplete: "off" });
  const strategy = select("Strategy", [["", "as configured"], ...["local_first", "round_robin", "least_loaded", "cost_optimized"].map((name) => [name, name])], "");
  const said = h("div.talk", { "aria-label": "Conversation", role: "log", tabindex: 0 });
  const go = h("button", { type: "submit" }, "Send");
  let stop = null;
  put(root, h("div.top", h("h1", title), h("label.field", h("span", "Model"), model), names, strategy, h("button.quiet", { type: "button", onclick: () => {
    turns = [];
    again();
  } }, "New conversation")), h("section.panel.chat", { "aria-label": "Chat" }, said, h("form", { onsubmit: ask }, box, go)));

  const again = () => put(said, turns.length ? turns.map((turn) => turn.node) : empty("Ask something: the answer comes from whichever worker the strategy finds best, and says which, and why."));

  const bubble = (role) => {
    const text = h("p.said");
    const facts = h("p.dim");
    const turn = { role, text, facts, node: h(`article.${role}`, h("h2.unseen", role === "user" ? "You" : "Answer"), text, facts) };
    turns.push(turn);
    return turn;
  };

  async function ask(event) {
    event.preventDefault();
    if (stop) return stop.abort();
    bubble("user").text.textContent = box.value;
    const messages = turns.filter((turn) => turn.text.textContent).map((turn) => ({ role: turn.role, content: turn.text.textContent }));
    const answer = bubble("assistant");
    again();
    box.value = "";
    stop = new AbortController();
    put(go, "Stop");
    try {
      await stream(answer, messages, stop.signal);
    } catch (error) {
      answer.facts.append(error.name === "AbortError" ? "Stopped. Its upstream was told to stop too." : `▲ ${error.message}`);
    }
    stop = null;
    put(go, "Send");
  }

  async function stream(answer, messages, signal) {
    const began = performance.now();
    const since = () => (performance.now() - began) / 1000;
    const chosen = strategy.lastChild.value;
    const got = await send("v1/chat/completions", { method: "POST", signal, headers: chosen ? { "X-Cortex-Strategy": chosen } : {},
      body: { model: model.value.trim(), stream: true, stream_options: { include_usage: true }, messages } });
    const told = (name) => got.headers.get(`X-Cortex-${name}`);
    if (!got.ok) throw new Error(await got.json().then((body) => body.error.message, () => `Córtex answered ${got.status}.`));
    let first = null;
    let tokens = null;
    const tell = () => put(answer.facts, h("b", told("Worker")), ` · ${told("Model")} · ${told("Why")} · ${told("Attempts") === "1" ? "1 attempt" : `${told("Attempts")} attempts`}`,
      first == null ? "" : ` · first token ${seconds(first)}`, ` · ${seconds(since())}`, tokens ? ` · ${count(tokens)} tokens` : "", " · ", h("a", { href: `#/requests?id=${encodeURIComponent(told("Request"))}` }, "its story"));
    for await (const data of events(got.body)) {
      if (data.error) throw new Error(`${data.error.message} The answer above is not whole.`);
      const delta = data.choices && data.choices[0] && data.choices[0].delta;
      const text = delta && (delta.content || "");
      if (delta && first == null && (text || delta.reasoning_content || delta.reasoning)) first = since();
      if (text) answer.text.append(text);
      if (data.usage) tokens = data.usage.completion_tokens;
      tell();
      said.scrollTop = said.scrollHeight;
    }
    tell();
  }

  call("v1/models").then(({ data }) => put(names, data.map((each) => h("option", { value: each.id }))), () => {});
  again();
  return { update() {}, live() {}, end: () => stop && stop.abort() };
}

/** The JSON of each event of a stream. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (left + value).split("\n");
    left = lines.pop();
    for (const line of lines) if (line.startsWith("data: {")) yield JSON.parse(line.slice(6));
  }
}
