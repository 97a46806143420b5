/** Builds and changes elements. Data only ever becomes text: nothing here reads HTML. */

/** Makes an element: `h("a.dim", {href}, "text", child, …)`; children may be lists, null and false are left out. */
export const h = (what, ...rest) => built("1999/xhtml", what, rest);

/** Makes an element of a drawing, the same way. */
export const s = (what, ...rest) => built("2000/svg", what, rest);

function built(space, what, rest) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElementNS(`http://www.w3.org/${space}`, tag);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  const facts = rest[0] && Object.getPrototypeOf(rest[0]) === Object.prototype ? rest.shift() : {};
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value === "function") node[name] = value;
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  return put(node, ...rest);
}

/** Replaces what is in `node`. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(9).filter((child) => child != null && child !== false));
  return node;
}

/** The same for what people are reading: focus, scrolling and what was opened stay. */
export function redraw(node, ...children) {
  const all = (what) => [...node.querySelectorAll(what)];
  const held = all("a, button, summary, [tabindex]").indexOf(document.activeElement);
  const open = all("details").map((each) => each.open);
  const left = all(".wide").map((each) => each.scrollLeft);
  put(node, ...children);
  all("details").forEach((each, at) => { each.open = open[at] ?? each.open; });
  all(".wide").forEach((each, at) => { each.scrollLeft = left[at]; });
  all("a, button, summary, [tabindex]")[held]?.focus({ preventScroll: true });
}

/** Writes text, or sets an attribute, only where it differs: what is the same costs no layout. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function set(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** A row of choices of which one is taken. */
export const choices = (label, options, taken, choose) => h("fieldset.choices", h("legend.unseen", label), options.map(([value, word]) =>
  h("label", h("input", { type: "radio", name: label, checked: value === taken, onchange: () => choose(value) }), h("span", word))));

/** A labelled list to choose from, its options `value` or `[value, word]`. */
export const select = (label, options, taken, choose) => h("label.field", label, h("select", { onchange: (event) => choose && choose(event.target.value) },
  options.map((each) => [each].flat()).map(([value, word = value]) => h("option", { value, selected: value === taken }, word))));

export const value = (field) => field.lastChild.value.trim();

/** A field to find things by, kept in the address; `/` goes to it. */
export const finder = (label, go) => h("input", { type: "search", value: go.get("q"), placeholder: label, "aria-label": label, autocomplete: "off",
  spellcheck: "false", oninput: (event) => go.change({ q: event.target.value.trim() }) });

/** A table with `columns` (a `#` before a heading of numbers) and rows of cells, in a box that scrolls sideways. */
export const table = (caption, columns, rows) => h("div.wide", { tabindex: 0, role: "region", "aria-label": caption }, h("table",
  h("thead", h("tr", columns.map((word) => h(word[0] === "#" ? "th.num" : "th", { scope: "col" }, word.replace("#", ""))))),
  Array.isArray(rows) ? h("tbody", rows.map((row) => h("tr", row.map((cell, at) => (at ? h(columns[at][0] === "#" ? "td.num" : "td", cell) : h("th", { scope: "row" }, cell)))))) : rows));

/** A part of a view, under its name. */
export const panel = (name, beside, ...children) => h("section.panel", { "aria-label": name }, h("div.top", h("h2", name), beside), children);

export const top = (title, ...beside) => h("div.top", h("h1", title), beside);
export const act = (word, onclick, facts) => h("button.quiet", { type: "button", onclick, ...facts }, word);
export const closer = (onclick) => act("✕", onclick, { "aria-label": "Close" });
export const dim = (...said) => h("span.dim", said);
export const mono = (...said) => h("span.mono", said);

/** What is wrong with the settings file, and what that means; nothing where nothing is. */
export const mistakes = (problems = []) => problems.length > 0 && h("section.panel.trouble", { "aria-label": "Mistakes in the settings" },
  h("p", "▲ The settings have a mistake; what was in force before the edit stays in force."), problems.map((each) => h("p.mono", each)));

/** What to say where there is nothing. */
export const empty = (...said) => h("p.empty", said);

/** Names and values, but for those without a value. */
export const pairs = (facts) => h("dl.facts", facts.filter(([, each]) => each != null && each !== "").map(([name, each]) => h("div", h("dt", name), h("dd", each))));

export const tiles = (facts) => h("dl.tiles", facts.map(([name, figure, more]) => h("div", h("dt", name), h("dd.figure", figure), h("dd.dim", more))));

/**
 * Rows with a key, drawn in place: made once by `make(key)` as {node, paint}, and painted only while they can be seen.
 * Five hundred that change twice a second cost what the thirty on the screen do.
 */
export class Rows {
  constructor(parent, make) {
    this.rows = new Map();
    this.parent = parent;
    this.make = make;
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        target.row.isSeen = isIntersecting;
        if (isIntersecting) this.paint(target.dataset.key, target.row.due);
      }
    }, { rootMargin: "200px" });
  }

  /** Makes the rows those of `keys`, in this order. */
  order(keys) {
    const wanted = new Set(keys);
    for (const [key, { node }] of this.rows) {
      if (wanted.has(key)) continue;
      this.seen.unobserve(node);
      node.remove();
      this.rows.delete(key);
    }
    let next = this.parent.firstElementChild;
    for (const key of keys) {
      let row = this.rows.get(key);
      if (!row) {
        row = this.make(key);
        row.isSeen = true;
        row.node.row = row;
        row.node.dataset.key = key;
        this.rows.set(key, row);
        this.seen.observe(row.node);
      }
      if (row.node === next) next = next.nextElementSibling;
      else this.parent.insertBefore(row.node, next);
    }
  }

  /** Shows `item`, now or when its row comes into sight. */
  paint(key, item) {
    const row = this.rows.get(key);
    if (!row || !item) return;
    row.due = row.isSeen ? null : item;
    if (row.isSeen) row.paint(item);
  }
}
