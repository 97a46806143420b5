/** Drawings of numbers: sparklines, bars, and lines with a sentence and a table for those who do not see them. */

import { h, put, s, set, table } from "./dom.js";
import { clock } from "./format.js";

/** A small line without axes; give `draw` its numbers. */
export function spark() {
  const line = s("polyline", { fill: "none", "vector-effect": "non-scaling-stroke" });
  const node = s("svg.spark", { viewBox: "0 0 58 16", preserveAspectRatio: "none", "aria-hidden": true }, line);
  return { node, draw: (values) => set(line, "points", points(values || [], 58, 16, Math.max(1, ...(values || [])))) };
}

function points(values, width, height, top) {
  const step = width / Math.max(1, values.length - 1);
  return values.map((value, at) => `${(at * step).toFixed(1)},${(height - 1 - (value / top) * (height - 2)).toFixed(1)}`).join(" ");
}

/** A bar of how much of something is taken, with words beside it. */
export function bar(part, family = "busy") {
  const fill = h("i");
  fill.style.width = `${Math.max(0, Math.min(1, part || 0)) * 100}%`;
  return h(`span.bar.${family}`, { "aria-hidden": true }, fill);
}

/** The path of a line over `width` × `height`; what was not recorded is a gap. */
export function path(values, width, height, top) {
  let pen = "M";
  return values.map((value, at) => {
    if (value == null) {
      pen = "M";
      return "";
    }
    const x = (at / Math.max(1, values.length - 1)) * width;
    const drawn = `${pen}${x.toFixed(1)} ${(height - (value / top) * height).toFixed(1)}`;
    const alone = pen === "M" && values[at + 1] == null ? "h1" : "";
    pen = "L";
    return drawn + alone;
  }).join("");
}

/** A number above all values that people like to read. */
export function ceiling(values) {
  const most = Math.max(0, ...values.filter((value) => value != null));
  if (!most) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 3, 5, 10].find((each) => each * power >= most) * power;
}

const WIDTH = 600;
const HEIGHT = 140;
const group = new Set();

/**
 * A chart of lines over time: `lines` are {name, values}, `say` writes a value, `sentence` says what is to be seen.
 * A pointer over one chart reads all that are drawn at the time.
 */
export function chart({ title, sentence, lines, from, step, say }) {
  const top = ceiling(lines.flatMap((line) => line.values));
  const length = Math.max(0, ...lines.map((line) => line.values.length));
  const at = (index) => clock(from + index * step, step < 60);
  const cross = s("line.cross", { y1: 0, y2: HEIGHT, visibility: "hidden", "vector-effect": "non-scaling-stroke" });
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}. ${sentence}` },
    [0.25, 0.5, 0.75].map((part) => s("line.grid", { x1: 0, x2: WIDTH, y1: part * HEIGHT, y2: part * HEIGHT, "vector-effect": "non-scaling-stroke" })),
    lines.map((line, index) => s(`path.line.l${index}`, { d: path(line.values, WIDTH, HEIGHT, top), "vector-effect": "non-scaling-stroke" })), cross);
  const legend = lines.map((line, index) => ({ line, value: h("b"), key: s("svg.key", { viewBox: "0 0 18 6", "aria-hidden": true }, s(`path.line.l${index}`, { d: "M0 3H18" })) }));
  const time = h("span.dim");
  const own = {
    read(index) {
      const shownAt = index ?? length - 1;
      cross.setAttribute("visibility", index == null ? "hidden" : "visible");
      const x = (shownAt / Math.max(1, length - 1)) * WIDTH;
      cross.setAttribute("x1", x);
      cross.setAttribute("x2", x);
      put(time, index == null ? "latest" : at(index));
      for (const each of legend) put(each.value, say(each.line.values[shownAt]));
    },
  };
  group.add(own);
  own.read(null);
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const index = Math.max(0, Math.min(length - 1, Math.round(((event.clientX - box.left) / box.width) * (length - 1))));
    for (const each of group) each.read(index);
  });
  drawing.addEventListener("pointerleave", () => group.forEach((each) => each.read(null)));
  return h("figure.panel.chart", h("figcaption", h("h2", title), h("p", sentence)),
    h("div.legend", time, legend.map((each) => h("span", each.key, `${each.line.name} `, each.value))),
    h("div.plot", h("span.top.dim", { "aria-hidden": true }, say(top)), drawing),
    h("div.ends.dim", { "aria-hidden": true }, h("span", at(0)), h("span", at(Math.max(0, length - 1)))),
    asTable(title, lines, at, say));
}

/** The same numbers as a table, made when it is opened; twenty rows say what a thousand would. */
function asTable(title, lines, at, say) {
  const details = h("details", h("summary", "As a table"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const length = lines[0] ? lines[0].values.length : 0;
    const stride = Math.max(1, Math.ceil(length / 24));
    const rows = Array.from({ length: Math.ceil(length / stride) }, (_, index) => index * stride).reverse();
    details.append(table(title, [["time"], ...lines.map((line) => [line.name, true])], h("tbody", rows.map((index) =>
      h("tr", h("th", { scope: "row" }, at(index)), lines.map((line) => h("td.num", say(line.values[index]))))))));
  });
  return details;
}

/** Forgets the charts that were drawn, before others are. */
export const forget = () => group.clear();
