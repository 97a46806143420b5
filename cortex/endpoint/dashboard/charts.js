/** Drawings: sparklines, bars, lines with a sentence and a table for those who do not see them, and the tree. */

import { h, put, s, set, table } from "./dom.js";
import { clip, clock, looks, words } from "./format.js";

const still = { "vector-effect": "non-scaling-stroke" };
const stretched = (width, height, more, ...inside) => s("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", ...more }, inside);

/** The path of a line over `width` × `height`; what was not recorded is a gap. */
const path = (values, width, height, top) => values.map((value, at) => (value == null ? ""
  : `${values[at - 1] == null ? "M" : "L"}${((at / Math.max(1, values.length - 1)) * width).toFixed(1)} ${(height - (value / top) * height).toFixed(1)}${values[at - 1] == null && values[at + 1] == null ? "h1" : ""}`)).join("");

/** A small line without axes; `draw` gives it its numbers. */
export function spark() {
  const line = s("path.line", still);
  return { node: stretched(60, 16, { "aria-hidden": true, class: "spark" }, line), draw: (values) => set(line, "d", path(values, 60, 15, Math.max(1, ...values))) };
}

/** A bar of how much of something is taken; words stand beside it. */
export function bar(part, family = "busy") {
  const fill = h("i");
  fill.style.width = `${Math.max(0, Math.min(1, part || 0)) * 100}%`;
  return h(`span.bar.${family}`, { "aria-hidden": true }, fill);
}

/** A number above all values that people like to read. */
function ceiling(values) {
  const most = Math.max(0, ...values);
  const power = 10 ** Math.floor(Math.log10(most || 1));
  return [1, 2, 3, 5, 10].find((each) => each * power >= most) * power;
}

const WIDTH = 600;
const HEIGHT = 140;

/** A chart of `lines` ([name, values]) over time; `say` writes a value, `readers` are all that a pointer over one reads. */
export function chart(readers, title, sentence, say, lines, from, step) {
  const top = ceiling(lines.flatMap(([, values]) => values));
  const last = Math.max(0, ...lines.map(([, values]) => values.length - 1));
  const at = (index) => clock(from + index * step);
  const across = (facts) => s("line", { x1: 0, x2: WIDTH, ...still, ...facts });
  const cross = across({ class: "cross", y1: 0, y2: HEIGHT });
  const legend = h("p.legend");
  const read = (index) => {
    const x = ((index ?? last) / Math.max(1, last)) * WIDTH;
    set(cross, "visibility", index == null ? "hidden" : "visible");
    set(cross, "x1", x);
    set(cross, "x2", x);
    put(legend, h("span", index == null ? "latest" : at(index)), lines.map(([name, values], number) => h("span", stretched(18, 6, { class: "key", "aria-hidden": true }, s(`path.line.l${number}`, { d: "M0 3H18" })),
      `${name} `, h("b", say(values[index ?? last])))));
  };
  readers.push(read);
  read();
  const point = (event) => readers.forEach((each) => each(Math.max(0, Math.min(last, Math.round((event.offsetX / event.currentTarget.clientWidth) * last)))));
  const details = h("details", { ontoggle: () => details.children.length > 1 || details.append(asTable(title, lines, last, at, say)) }, h("summary", "As a table"));
  return h("figure.panel", h("figcaption", h("h2", title), h("p", sentence)), legend, h("div.plot", h("span", say(top)), stretched(WIDTH, HEIGHT, { role: "img", "aria-label": `${title}. ${sentence}`,
    onpointermove: point, onpointerleave: () => readers.forEach((each) => each()) }, [0, 0.25, 0.5, 0.75].map((part) => across({ y1: part * HEIGHT, y2: part * HEIGHT })),
  lines.map(([, values], number) => s(`path.line.l${number}`, { d: path(values, WIDTH, HEIGHT, top), ...still })), cross)), h("p.ends", h("span", at(0)), h("span", at(last))), details);
}

/** The same numbers as a table; some twenty rows say what a thousand would. */
const asTable = (title, lines, last, at, say) => table(title, ["time", ...lines.map(([name]) => `#${name}`)],
  Array.from({ length: Math.min(24, last + 1) }, (_, row) => last - Math.round((row * last) / Math.max(1, Math.min(23, last)))).map((index) => [at(index), ...lines.map(([, values]) => say(values[index]))]));

const ROW = 30;
const COLUMN = 210;
const BOX = 176;

/** Places every actor of the tree, root at the left: leaves below one another, a supervisor at the middle of its children. */
function layout(order, rows) {
  const places = new Map();
  let next = 0;
  const place = (name, depth) => {
    const middles = order.filter((each) => rows.get(each).parent === name).map((child) => place(child, depth + 1));
    const y = middles.length ? (middles[0] + middles.at(-1)) / 2 : next++ * ROW;
    places.set(name, { x: depth * COLUMN, y });
    return y;
  };
  for (const name of order) if (!rows.has(rows.get(name).parent)) place(name, 0);
  return { places, height: next * ROW };
}

/** Draws the tree; every actor is a link to what is known of it. */
export function drawn(order, rows, link, chosen) {
  const { places, height } = layout(order, rows);
  const branches = order.filter((name) => places.has(rows.get(name).parent)).map((name) => {
    const [from, to] = [places.get(rows.get(name).parent), places.get(name)];
    const x = from.x + BOX;
    return s("path.branch", { d: `M${x} ${from.y + 15}C${x + 20} ${from.y + 15} ${to.x - 20} ${to.y + 15} ${to.x} ${to.y + 15}` });
  });
  const actors = order.map((name) => {
    const { x, y } = places.get(name);
    const { state, slots, in_flight: running } = rows.get(name);
    const [family, glyph] = looks(state);
    return s("a", { href: link(name), "aria-label": `${name}, ${words(state)}` }, s(`rect${name === chosen ? ".chosen" : ""}`, { x: x + 1, y: y + 3, width: BOX, height: ROW - 6, rx: 5 }),
      s("text", { x: x + 9, y: y + 19 }, s(`tspan.${family}`, glyph), s("tspan", { dx: 6 }, clip(name, slots ? 14 : 19)), slots && s("tspan.dim", { dx: 6 }, `${running}/${slots}`)));
  });
  return h("div.wide", { tabindex: 0, role: "region", "aria-label": "The supervision tree, drawn" }, s("svg.tree", { width: Math.max(...[...places.values()].map(({ x }) => x)) + COLUMN, height: height + 4 }, branches, actors));
}
