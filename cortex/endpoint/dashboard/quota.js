/** A key's windows: how much of each is left, and when it begins anew. */

import { bar } from "./charts.js";
import { h } from "./dom.js";
import { clock, count, words } from "./format.js";

/** One bar a window, with its words. */
export const windows = (quota) => h("ul.windows", quota.map((each) => {
  const left = each.limit ? each.left / each.limit : 0;
  const family = each.rests_until || left <= 0 ? "bad" : left < 0.15 ? "warn" : "ok";
  const reset = each.reset_at ? `anew at ${clock(each.reset_at, false)}` : "";
  const rests = each.rests_until ? `rests until ${clock(each.rests_until)}` : "";
  return h("li", h("span", words(each.window), each.model ? h("span.dim.mono", ` ${each.model}`) : null), bar(1 - left, family),
    h("span.dim", h("b", `${count(each.left)} of ${count(each.limit)} left`), [rests, each.reserved ? `${count(each.reserved)} promised` : "", reset].filter(Boolean).map((text) => ` · ${text}`)));
}));
