/** Asks the daemon over HTTP. The key is kept for this tab only, and goes into a header, never into an address. */

import { h } from "./dom.js";

const ROOT = new URL("../", location.href.split("#")[0]);
const KEPT = "cortex.key";

export const key = () => sessionStorage.getItem(KEPT) || "";
export const address = (path) => new URL(path, ROOT);

/** The daemon's own words for why it did not do something. */
export class Refused extends Error {
  constructor(message, status, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** Sends a request; where a key is wanted it is asked for, and the request sent again. */
export async function send(path, { method = "GET", body, signal, headers } = {}) {
  for (;;) {
    const used = key();
    const sent = { ...headers };
    if (used) sent.Authorization = `Bearer ${used}`;
    if (method !== "GET") sent["X-Cortex"] = "1";
    if (body !== undefined) sent["Content-Type"] = "application/json";
    const answer = await fetch(address(path), { method, headers: sent, signal, cache: "no-store", credentials: "omit",
      body: body === undefined ? undefined : JSON.stringify(body) }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Refused("Córtex cannot be reached; is it running?", 0);
    });
    if (answer.status !== 401) return answer;
    if (used === key() && !(await askKey(Boolean(used)))) throw new Refused("Córtex wants a key", 401);
  }
}

/** Sends a request and reads the JSON that comes; throws Refused with the daemon's own words. */
export async function call(path, options) {
  const answer = await send(path, options);
  const text = await answer.text();
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (answer.ok && value !== null) return value;
  const error = value && value.error;
  throw new Refused((error && error.message) || error || `Córtex answered ${answer.status} ${answer.statusText}`, answer.status, value);
}

export const worker = (name, action = "") => `cortex/v1/workers/${encodeURIComponent(name)}${action && `/${action}`}`;

let asking = null;

/** Asks for a key, once for all who need it; resolves to whether one was given. */
export function askKey(wasWrong = false) {
  asking = asking || new Promise((resolve) => {
    const field = h("input", { type: "password", required: true, autocomplete: "off", name: "key" });
    const dialog = h("dialog.narrow", { "aria-labelledby": "key-title" }, h("form", { method: "dialog" },
      h("h2", { id: "key-title" }, "This Córtex wants a key"),
      h("p", wasWrong ? "▲ That key is not one of them. " : "", "Give one of ", h("code", "server.api_keys"),
        ". It stays in this tab until the tab is closed."),
      h("label.field", h("span", "Key"), field),
      h("div.buttons", h("button.quiet", { type: "button", onclick: () => dialog.close() }, "Not now"), h("button", { value: "given" }, "Use it"))));
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "given" && field.value;
      if (given) sessionStorage.setItem(KEPT, field.value.trim());
      dialog.remove();
      asking = null;
      resolve(Boolean(given));
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
