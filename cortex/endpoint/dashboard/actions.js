/** What can be done, each in a dialog that says beforehand what it will do and to how many requests. */

import { call, worker } from "./api.js";
import { h, put, select } from "./dom.js";
import { plural } from "./format.js";

/** Asks before something is done. `run(dialog)` gives the words for when it is done, or throws what went wrong. */
export function confirm(title, what, word, run, ...fields) {
  const trouble = h("p.trouble", { role: "alert" });
  const go = h("button", { type: "submit" }, word);
  const dialog = h("dialog.narrow", { "aria-labelledby": "ask-title" }, h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      go.disabled = true;
      try {
        tell(await run());
        dialog.close();
      } catch (error) {
        put(trouble, `▲ ${error.message} Nothing was changed.`);
      }
      go.disabled = false;
    },
  }, h("h2", { id: "ask-title" }, title), what.map((each) => h("p", each)), fields, trouble,
    h("div.buttons", h("button.quiet", { type: "button", onclick: () => dialog.close() }, "Leave it"), go)));
  return open(dialog);
}

/** Shows a dialog until it is closed; the focus then goes back by itself. */
export function open(dialog) {
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Says something to everybody: on the page, and to a screen reader. */
export function tell(text) {
  const notice = document.getElementById("notice");
  put(notice, h("p", text, " ", h("button.quiet", { type: "button", onclick: () => put(notice) }, "Dismiss")));
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => put(notice), 12000);
}

const running = (facts) => plural(facts.in_flight || 0, "request");
const goOn = (facts) => (facts.in_flight ? `${running(facts)} of it go on to their end.` : "It is answering nothing now.");

/** action → word, title, what it will do, what to say when it is done. */
const ACTIONS = {
  probe: ["Probe now", "Look at", () => ["Asks the upstream for its models now. No request is touched."], "was probed"],
  drain: ["Drain", "Drain", (facts) => [`It gets no new request until it is resumed. ${goOn(facts)}`], "drains"],
  resume: ["Resume", "Resume", () => ["It gets requests again. No running request is touched."], "works again"],
  rest: ["Rest", "Rest", (facts) => [`It gets no new request for a while. ${goOn(facts)}`], "rests"],
  restart: ["Restart", "Restart", (facts) => ["The actor is replaced by a new incarnation. What it knows of quotas and breakers stays.",
    facts.slots == null ? "Running answers go on." : goOn(facts)], "was restarted"],
  retire: ["Retire", "Retire", (facts) => [`It gets no new request until its settings change. ${goOn(facts)}`], "is retired"],
};

const LENGTHS = [["", "until it is resumed"], ["5m", "5 minutes"], ["1h", "1 hour"], ["12h", "12 hours"]];

/** A button for an action on the actor that `facts` are of. */
export function button(action, facts, then) {
  const [word, title, what, done] = ACTIONS[action];
  return h("button.quiet", {
    type: "button",
    "aria-label": `${word}: ${facts.name}`,
    onclick: () => {
      const length = action === "rest" && select("For how long", LENGTHS, "");
      confirm(`${title} ${facts.name}?`, what(facts), word, async () => {
        const query = length && length.querySelector("select").value;
        await call(worker(facts.name, action) + (query ? `?for=${query}` : ""), { method: "POST" });
        if (then) then();
        return `${facts.name} ${done}.`;
      }, length || null);
    },
  }, word);
}

/** The buttons that fit a worker as it is now. */
export function buttons(facts, then) {
  const isOut = ["draining", "resting", "retired"].includes(facts.state);
  const fitting = ["probe", ...(isOut ? ["resume"] : ["rest", "drain"]), "restart", ...(facts.state === "retired" ? [] : ["retire"])];
  return h("div.buttons", fitting.map((action) => button(action, facts, then)));
}
