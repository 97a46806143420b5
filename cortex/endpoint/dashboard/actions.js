/** What can be done, each in a dialog that says beforehand what it will do and to how many requests. */

import { own, post } from "./api.js";
import { act, h, put, select, value } from "./dom.js";
import { plural } from "./format.js";

/** Shows a dialog until it is closed. */
export function open(title, size, ...inside) {
  const dialog = h(`dialog.${size}`, { "aria-label": title, onclose: () => dialog.remove() }, h("h2", title), inside);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks before something is done; `run` does it and gives the words for when it is done. */
export function confirm(title, word, run, ...what) {
  const trouble = h("p.trouble", { role: "alert" });
  const go = h("button", word);
  const dialog = open(title, "narrow", h("form", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      tell(await run());
      dialog.close();
    } catch (error) {
      put(trouble, `▲ ${error.message} Nothing was changed.`);
      go.disabled = false;
    }
  } }, what.map((each) => (typeof each === "string" ? h("p", each) : each)), trouble, h("div.buttons", act("Leave it", () => dialog.close()), go)));
}

/** Says something to everybody: on the page, and to a screen reader. */
export function tell(text) {
  const notice = document.getElementById("notice");
  put(notice, h("p", text, act("Dismiss", () => put(notice))));
}

export const goesOn = ({ in_flight: running }) => (running ? `${plural(running, "request")} of it ${running === 1 ? "goes" : "go"} on to the end.` : "It is answering nothing now.");

/** action → what it will do, what to say when it is done. */
const ACTIONS = {
  probe: [() => "Its upstream is asked for its models now. No request is touched.", "was probed"],
  drain: [(facts) => `It gets no new request until it is resumed. ${goesOn(facts)}`, "drains"],
  rest: [(facts) => `It gets no new request for a while. ${goesOn(facts)}`, "rests"],
  resume: [() => "It gets requests again. No running request is touched.", "works again"],
  restart: [(facts) => `A new incarnation takes its place; quotas and breakers stay. ${facts.slots ? goesOn(facts) : facts.kind === "supervisor" ? "All below it start anew with it; running answers go on." : "Running answers go on."}`, "was restarted"],
  retire: [(facts) => `It gets no new request until its settings change. ${goesOn(facts)}`, "is retired"],
};
const LENGTHS = [["", "until it is resumed"], ["5m", "5 minutes"], ["1h", "1 hour"], ["12h", "12 hours"]];

/** A button for an action on the actor that `facts` are of. */
export function button(action, facts, then) {
  const [what, done] = ACTIONS[action];
  const word = action[0].toUpperCase() + action.slice(1);
  return act(word, () => {
    const length = action === "rest" && select("For how long", LENGTHS);
    confirm(`${word} ${facts.name}?`, word, async () => {
      const query = length && value(length) ? `?for=${value(length)}` : "";
      await post(`${own("workers", facts.name, action)}${query}`);
      then?.();
      return `${facts.name} ${done}.`;
    }, what(facts), length);
  }, { "aria-label": `${word} ${facts.name}` });
}

/** The buttons that fit a worker as it is now, and others after them. */
export const buttons = (facts, then, ...more) => h("div.buttons", ["probe", ...(["draining", "resting", "retired"].includes(facts.state) ? ["resume"] : ["rest", "drain"]), "restart",
  facts.state !== "retired" && "retire"].filter(Boolean).map((action) => button(action, facts, then)), more);
