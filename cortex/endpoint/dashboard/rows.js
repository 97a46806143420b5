/**
 * Rows with a key, drawn in place: a row is made once, and written to only where something differs and it can be seen.
 *
 * Five hundred rows that change twice a second cost what the thirty on the screen do; the others are written to when
 * they are scrolled to.
 */

export class Rows {
  /** `make(key)` gives {node, paint(item)}. */
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.rows = new Map();
    this.seen = new IntersectionObserver((entries) => entries.forEach((entry) => this.#moved(entry)), { rootMargin: "200px" });
  }

  #moved(entry) {
    const row = entry.target.row;
    row.isSeen = entry.isIntersecting;
    if (row.isSeen && row.due) {
      row.paint(row.due);
      row.due = null;
    }
  }

  /** Makes the rows those of `keys`, in this order. */
  order(keys) {
    const wanted = new Set(keys);
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      this.seen.unobserve(row.node);
      row.node.remove();
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

  /** Shows `item` in the row of `key`, now or when it comes into sight. */
  paint(key, item) {
    const row = this.rows.get(key);
    if (!row) return;
    if (row.isSeen) row.paint(item);
    else row.due = item;
  }

  close() {
    this.seen.disconnect();
  }
}
