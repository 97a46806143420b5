/** Builds and changes elements. Data only ever becomes text: nothing here reads HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element: `h("button.quiet", {type: "button", onclick: go}, "Go", child, …)`; null children are left out. */
export const h = (what, ...rest) => built(document.createElement(what.split(".")[0]), what, rest);

/** Makes an element of a drawing, the same way. */
export const s = (what, ...rest) => built(document.createElementNS(SVG, what.split(".")[0]), what, rest);

function built(node, what, rest) {
  const classes = what.split(".").slice(1).join(" ");
  if (classes) node.setAttribute("class", classes);
  const [first, ...more] = rest;
  const plain = first && Object.getPrototypeOf(first) === Object.prototype;
  for (const [name, value] of plain ? Object.entries(first) : []) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...(plain ? more : rest).flat().filter((child) => child != null && child !== false));
  return node;
}

/** Writes text only where it differs: what is the same costs no layout. */
export function write(node, text) {
  if (node.said === text) return;
  node.said = node.textContent = text;
}

/** Sets an attribute only where it differs. */
export function set(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Replaces what is in `node`. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

/** A row of choices of which one is taken. */
export function choices(name, label, options, taken, choose) {
  return h("fieldset.choices", h("legend.unseen", label), options.map(([value, word]) => h("label",
    h("input", { type: "radio", name, value, checked: value === taken, onchange: () => choose(value) }), h("span", word))));
}

/** A labelled list to choose from. */
export function select(label, options, taken, choose) {
  const list = h("select", { onchange: () => choose && choose(list.value) }, options.map(([value, word]) =>
    h("option", { value, selected: value === taken }, word)));
  return h("label.field", h("span", label), list);
}

/** A labelled field to find things by; `/` goes to it. */
export function finder(label, text, changed) {
  const field = h("input", { type: "search", value: text, placeholder: label, "aria-label": label, "data-find": true,
    autocomplete: "off", spellcheck: "false", oninput: () => changed(field.value.trim()) });
  return field;
}

/** A table whose columns are `[heading, isNumber]`, in a box that scrolls sideways by itself. */
export function table(caption, columns, body) {
  const head = columns.map(([word, number]) => h(number ? "th.num" : "th", { scope: "col" }, word));
  return h("div.wide", { tabindex: 0, role: "region", "aria-label": caption },
    h("table", h("caption.unseen", caption), h("thead", h("tr", head)), body));
}

/** What to say where there is nothing. */
export const empty = (...said) => h("p.empty", ...said);

/** Names and values, but for those without a value. */
export const pairs = (facts) => facts.filter(([, value]) => value != null && value !== "").map(([name, value]) => h("div", h("dt", name), h("dd", value)));
