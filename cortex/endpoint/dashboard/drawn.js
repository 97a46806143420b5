/** The supervision tree as a picture, root at the left: where everything stands is a pure function of the rows. */

import { h, s } from "./dom.js";
import { looks, words } from "./format.js";

const ROW = 30;
const COLUMN = 210;

/** Places every actor: leaves below one another, a supervisor at the middle of its children. */
export function layout(order, rows) {
  const below = new Map();
  for (const name of order) {
    const parent = rows.get(name).parent;
    if (rows.has(parent)) below.set(parent, [...(below.get(parent) || []), name]);
  }
  const places = new Map();
  let next = 0;
  const place = (name, depth) => {
    const children = below.get(name) || [];
    const middles = children.map((child) => place(child, depth + 1));
    const y = middles.length ? (middles[0] + middles.at(-1)) / 2 : next++ * ROW;
    places.set(name, { x: depth * COLUMN, y, parent: rows.get(name).parent });
    return y;
  };
  for (const name of order) if (!rows.has(rows.get(name).parent)) place(name, 0);
  const widest = Math.max(0, ...[...places.values()].map((each) => each.x));
  return { places, width: widest + COLUMN, height: Math.max(1, next) * ROW };
}

/** Draws it; every actor is a link to what is known of it. */
export function drawn(order, rows, link, chosen) {
  const known = order.filter((name) => rows.has(name));
  const { places, width, height } = layout(known, rows);
  const lines = known.filter((name) => places.has(places.get(name).parent)).map((name) => {
    const to = places.get(name);
    const from = places.get(to.parent);
    const start = from.x + COLUMN - 34;
    return s("path.branch", { d: `M${start} ${from.y + 15}C${start + 20} ${from.y + 15} ${to.x - 20} ${to.y + 15} ${to.x} ${to.y + 15}` });
  });
  const actors = known.map((name) => {
    const { x, y } = places.get(name);
    const facts = rows.get(name);
    const [family, glyph] = looks(facts.state);
    const busy = facts.slots ? ` ${facts.in_flight}/${facts.slots}` : "";
    return s("a", { href: link(name), "aria-label": `${name}, ${words(facts.state)}` },
      s(`rect.actor${name === chosen ? ".chosen" : ""}`, { x, y: y + 3, width: COLUMN - 34, height: ROW - 6, rx: 5 }),
      s("text", { x: x + 9, y: y + 19 }, s(`tspan.${family}`, glyph), s("tspan", { dx: 6 }, cut(name, busy ? 16 : 20)),
        busy ? s("tspan.faint", { dx: 4 }, busy) : null));
  });
  return h("div.wide.drawing", { tabindex: 0, role: "region", "aria-label": "The supervision tree, drawn" },
    s("svg", { width, height: height + 4, role: "group", "aria-label": "Supervision tree" }, lines, actors));
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
