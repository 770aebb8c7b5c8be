// A list of any length as a window on it: only rows that can be seen are there, and they are asked for when they are.
//
// Rows stand newest first and new ones come on top; who has scrolled down keeps what he looks at in its place.

import { h, show } from "./dom.js";

const SPARE = 6; // rows drawn above and below those that are seen
const QUICKEST = 200; // ms between two looks at the server

export class WindowedList {
  /**
   * `height` of a row in pixels; `ask(start, limit)` gives {total, grown, rows}, where `grown` counts all rows that ever
   * came; `key(row)`; `draw(row)` gives an element; `changed(list)` is called after each look.
   */
  constructor({ height, ask, key, draw, label, changed }) {
    Object.assign(this, { height, ask, key, draw, changed });
    this.rows = h("ol", { class: "rows", "aria-label": label });
    this.space = h("div", { class: "space" }, this.rows);
    this.element = h("div", { class: "window", onscroll: () => this.#scrolled() }, this.space);
    this.total = 0;
    this.first = 0;
    this.known = []; // rows from `first` on
    this.selected = null; // a key
    this.#forget();
    new ResizeObserver(() => this.#scrolled()).observe(this.element);
  }

  #forget() {
    this.grown = null;
    this.drawn = new Map(); // key: [what it showed, element]
  }

  /** Other rows are wanted: begin at the top. */
  async reset() {
    this.#forget();
    this.element.scrollTop = 0;
    await this.refresh();
  }

  /** Look again, soon: as often as the server answers quickly. */
  refresh() {
    this.wanted = true;
    this.running ??= this.#look().finally(() => (this.running = null));
    return this.running;
  }

  async #look() {
    while (this.wanted) {
      this.wanted = false;
      const begun = performance.now();
      const [start, limit] = this.#range();
      const told = await this.ask(start, limit);
      if (told) this.#take(start, told);
      const took = performance.now() - begun;
      await new Promise((resolve) => setTimeout(resolve, Math.max(QUICKEST - took, 2 * took, 0)));
    }
  }

  #range() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.height) - SPARE);
    return [first, Math.ceil((this.element.clientHeight || 800) / this.height) + 2 * SPARE];
  }

  #take(start, told) {
    const shift = this.grown === null ? 0 : told.grown - this.grown;
    this.grown = told.grown;
    this.total = told.total;
    this.first = start;
    this.known = told.rows;
    this.space.style.height = `${this.total * this.height}px`;
    if (shift > 0 && this.element.scrollTop > this.height) {
      this.element.scrollTop += shift * this.height;
      this.wanted = true; // other rows are seen now than were asked for
    }
    this.#render();
    this.changed?.(this);
  }

  #render() {
    const drawn = new Map();
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.closest("li").dataset.key : null;
    const items = this.known.map((row, place) => {
      const key = this.key(row);
      const shown = JSON.stringify(row);
      const old = this.drawn.get(key);
      const item = old?.[0] === shown ? old[1] : h("li", { "data-key": key }, this.draw(row));
      item.setAttribute("aria-setsize", this.total);
      item.setAttribute("aria-posinset", this.first + place + 1);
      item.classList.toggle("selected", key === this.selected);
      const link = item.querySelector("a");
      if (key === this.selected) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
      drawn.set(key, [shown, item]);
      return item;
    });
    this.drawn = drawn;
    const same = this.rows.children.length === items.length && items.every((item, place) => this.rows.children[place] === item);
    if (!same) {
      show(this.rows, items);
      if (focused !== null) drawn.get(focused)?.[1].querySelector("a")?.focus({ preventScroll: true });
    }
    this.rows.style.transform = `translateY(${this.first * this.height}px)`;
  }

  #scrolled() {
    const [first, limit] = this.#range();
    const isCovered = first >= this.first && Math.min(first + limit, this.total) <= this.first + this.known.length;
    if (!isCovered) this.refresh();
  }

  /** Mark the row of this key. */
  select(key) {
    this.selected = key;
    this.#render();
  }

  /** The row that is so many places from the selected one (from the first, when none is), scrolled to; or null. */
  async step(by) {
    const place = this.known.findIndex((row) => this.key(row) === this.selected);
    const wanted = place < 0 ? 0 : this.first + place + by;
    if (wanted < 0 || wanted >= this.total) return null;
    const top = wanted * this.height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.element.scrollTop = top + this.height - clientHeight;
    if (wanted < this.first || wanted >= this.first + this.known.length) await this.refresh();
    return this.known[wanted - this.first] ?? null;
  }
}
