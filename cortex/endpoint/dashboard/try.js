/** A chat box that streams, and shows who answers and why. */

import { call, own, send } from "./api.js";
import { act, empty, h, put, select, top, value } from "./dom.js";
import { count, plural, seconds } from "./format.js";

export const title = "Try";
export const wants = ["events"];

let turns = [];

export function mount(root) {
  const box = h("textarea", { rows: 3, required: true, placeholder: "Enter sends, Shift+Enter begins a line.", "aria-label": "Message", onkeydown: (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    box.form.requestSubmit();
  } });
  const names = h("datalist", { id: "models" });
  const model = h("label.field", "Model", h("input", { list: "models", placeholder: "auto", autocomplete: "off" }));
  const strategy = select("Strategy", [["", "as configured"]]);
  const talk = h("div.talk", { "aria-label": "Conversation", role: "log", tabindex: 0 });
  const go = h("button", "Send");
  let stop;
  const draw = () => put(talk, turns.length ? turns.map((turn) => turn.node) : empty("Ask something. The answer comes from whichever worker the strategy finds best, and says which, and why."));
  put(root, top(title, model, names, strategy, act("New conversation", () => {
    turns = [];
    draw();
  })), h("section.panel.chat", { "aria-label": "Chat" }, talk, h("form", { onsubmit: ask }, box, go)));

  function turn(role, said = "") {
    const [text, facts] = [h("p.said", said), h("p.dim")];
    turns.push({ role, text, facts, node: h(`article.${role}`, h("h2.unseen", role), text, facts) });
    return turns.at(-1);
  }

  async function ask(event) {
    event.preventDefault();
    if (stop) return stop.abort();
    turn("user", box.value);
    const messages = turns.map(({ role, text }) => ({ role, content: text.textContent })).filter(({ content }) => content);
    const answer = turn("assistant");
    draw();
    box.value = "";
    box.required = false;
    stop = new AbortController();
    put(go, "Stop");
    await stream(answer, messages).catch((error) => answer.facts.append(error.name === "AbortError" ? " · stopped, and its upstream too" : ` ▲ ${error.message}`));
    stop = null;
    box.required = true;
    put(go, "Send");
  }

  async function stream({ text, facts }, messages) {
    const began = performance.now();
    const since = () => (performance.now() - began) / 1000;
    const answer = await send("v1/chat/completions", { method: "POST", signal: stop.signal, headers: value(strategy) ? { "X-Cortex-Strategy": value(strategy) } : {},
      body: { model: value(model), stream: true, stream_options: { include_usage: true }, messages } });
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error?.message || `Córtex answered ${answer.status}.`);
    const of = (name) => answer.headers.get(`X-Cortex-${name}`) || "";
    let first;
    let tokens;
    for await (const data of events(answer.body)) {
      if (data.error) throw new Error(`${data.error.message} The answer is not whole.`);
      const delta = data.choices?.[0]?.delta || {};
      if (delta.content || delta.reasoning_content || delta.reasoning) first ??= since();
      text.append(delta.content || "");
      tokens = data.usage?.completion_tokens ?? tokens;
      put(facts, h("b", of("Worker")), [of("Model"), of("Why"), plural(Number(of("Attempts")), "attempt"), first && `first token ${seconds(first)}`, `${seconds(since())} in all`, tokens && `${count(tokens)} tokens`, ""].filter((each) => each != null).map((each) => ` · ${each}`),
        h("a", { href: `#/requests?id=${encodeURIComponent(of("Request"))}` }, "its story"));
      talk.scrollTop = talk.scrollHeight;
    }
  }

  call("v1/models").then(({ data }) => put(names, data.map((each) => h("option", { value: each.id }))), () => {});
  call(own("config")).then(({ strategies }) => strategy.lastChild.append(...strategies.map((value) => h("option", { value }, value))), () => {});
  draw();
  return { update() {}, live() {}, end: () => stop?.abort() };
}

/** The JSON of each event of a stream. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (left + part.value).split("\n");
    left = lines.pop();
    for (const line of lines) if (line.startsWith("data: {")) yield JSON.parse(line.slice(6));
  }
}
