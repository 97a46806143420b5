/** Asks the daemon over HTTP. The key is kept for this tab only, and goes into a header, never into an address. */

import { act, empty, h, put } from "./dom.js";

const KEPT = "cortex.key";

export const key = () => sessionStorage.getItem(KEPT) || "";

/** The bytes of a text as characters, as a header and base64 want them. */
export const octets = (text) => String.fromCharCode(...new TextEncoder().encode(text));

export const address = (path) => new URL(`../${path}`, location.href.split("#")[0]);
export const own = (path, ...names) => `cortex/v1/${[path, ...names.map(encodeURIComponent)].join("/")}`;

/** Sends a request; where a key is wanted it is asked for, and the request sent again. */
export async function send(path, { method = "GET", body, signal, headers = {} } = {}) {
  for (;;) {
    const used = key();
    if (used) headers.Authorization = `Bearer ${octets(used)}`;
    if (method !== "GET") headers["X-Cortex"] = "1";
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch(address(path), { method, headers, signal, cache: "no-store", credentials: "omit", body: body && JSON.stringify(body) }).catch((error) => {
      throw error.name === "AbortError" ? error : failure("Córtex cannot be reached; is it running?", 0);
    });
    if (answer.status !== 401) return answer;
    if (used === key() && !(await askKey(used))) throw failure("Córtex wants a key.", 401);
  }
}

const failure = (message, status) => Object.assign(new Error(message), { status });

/** Sends a request and reads the JSON that comes; throws the daemon's own words, with `status`. */
export async function call(path, options) {
  const answer = await send(path, options);
  const value = await answer.json().catch(() => null);
  if (answer.ok && value) return value;
  throw failure(value?.error?.message || value?.error || `Córtex answered ${answer.status}.`, answer.status);
}

export const post = (path, body) => call(path, { method: "POST", body });

/** A view of what `path()` answers, read again every few seconds and drawn when it differs. */
export function reading(place, path, draw, every = 5000) {
  let last = "";
  let value = null;
  const load = async (isMoved) => {
    const asked = path();
    const said = await call(asked).catch((error) => error);
    if (asked !== path()) return;
    if (said instanceof Error) {
      last = "";
      put(place, empty(`▲ ${said.message}`));
      return;
    }
    value = said;
    const text = JSON.stringify(value);
    if (text !== last || isMoved) draw(value);
    last = text;
  };
  load();
  const timer = setInterval(() => document.hidden || load(), every);
  return { load, update: () => value && draw(value), live: (changed) => changed.whole && load(), end: () => clearInterval(timer) };
}

let asking = null;

/** Asks for a key, once for all who need it; resolves to whether one was given. */
export function askKey(wrong) {
  asking ||= new Promise((resolve) => {
    const field = h("input", { type: "password", required: true, autocomplete: "off" });
    const dialog = h("dialog.narrow", { "aria-labelledby": "key-title", onclose: () => {
      if (dialog.returnValue) sessionStorage.setItem(KEPT, field.value.trim());
      dialog.remove();
      asking = null;
      resolve(dialog.returnValue);
    } }, h("form", { method: "dialog" }, h("h2", { id: "key-title" }, "This Córtex wants a key"),
      h("p", wrong && "▲ It does not know that key. ", "Give one of ", h("code", "server.api_keys"), " or, to act, ", h("code", "admin_keys"), ". It stays in this tab until the tab is closed."), h("label.field", "Key", field),
      h("div.buttons", act("Not now", () => dialog.close("")), h("button", { value: "given" }, "Use it"))));
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
