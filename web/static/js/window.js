// A table of any length in a page that scrolls: only the rows in sight exist, and two empty
// ones as tall as all the others. Rows have the same height, which the style sheet decides.
// 40 rows are laid out instead of 10,000, and a row that comes into sight is one that has
// just gone out of it.

import { el, setStyle } from "./dom.js";

const beyond = 8; // rows kept above and below the screen: Tab always finds a next one

export class Window {
  #above = el("tr", { class: "spacer", "aria-hidden": "true" });
  #below = el("tr", { class: "spacer", "aria-hidden": "true" });
  #shown = new Map(); // key → row
  #pool = [];
  #keys = [];
  #total = 0;
  #valueOf = () => null;
  #frame = 0;
  #focused = null; // key of the row that had the focus when it went out of sight

  // makeRow returns { element, link, show(value, index) }. needs is told how many rows should
  // be there when the reader comes near the end of those that are.
  constructor(body, { makeRow, needs }) {
    Object.assign(this, { body, makeRow, needs });
    body.append(this.#above, this.#below);
    const soon = () => {
      this.#frame ||= requestAnimationFrame(() => {
        this.#frame = 0;
        this.#draw();
      });
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    body.addEventListener("keydown", (event) => this.#move(event));
  }

  // update shows keys in this order; total is how many there will be once all are loaded.
  update(keys, total, valueOf) {
    this.#keys = keys;
    this.#total = Math.max(total, keys.length);
    this.#valueOf = valueOf;
    this.#draw();
  }

  #draw() {
    const table = this.body.closest("table");
    if (!table.checkVisibility()) return; // another view is on: nothing has a size
    const height = parseFloat(getComputedStyle(table).getPropertyValue("--row-height"));
    const top = this.#above.getBoundingClientRect().top;
    const first = clamp(Math.floor(-top / height) - beyond, 0, Math.max(0, this.#keys.length - 1));
    const bottom = Math.ceil((innerHeight - top) / height) + beyond;
    const last = clamp(bottom, 0, this.#keys.length);
    setStyle(this.#above, "height", `${first * height}px`);
    setStyle(this.#below, "height", `${Math.max(0, this.#total - Math.max(first, last)) * height}px`);
    this.#place(this.#keys.slice(first, Math.max(first, last)), first);
    if (bottom > this.#keys.length && this.#keys.length < this.#total) this.needs(Math.min(bottom, this.#total));
  }

  #place(keys, first) {
    const active = document.activeElement;
    const wanted = new Set(keys);
    for (const [key, row] of this.#shown) {
      if (wanted.has(key)) continue;
      if (row.element.contains(active)) this.#focused = key;
      row.element.remove();
      this.#shown.delete(key);
      this.#pool.push(row);
    }
    const rows = keys.map((key, i) => {
      const row = this.#shown.get(key) ?? this.#pool.pop() ?? this.makeRow();
      this.#shown.set(key, row);
      row.show(this.#valueOf(key), first + i);
      return row.element;
    });
    arrange(rows, rows.findIndex((row) => row.contains(active)), this.#above);
    this.#pool.length = Math.min(this.#pool.length, 50);
    if (active !== document.body) this.#focused = null;
    else if (wanted.has(this.#focused)) this.#shown.get(this.#focused).link.focus({ preventScroll: true });
  }

  // #move lets arrow keys walk from row to row.
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = step && event.target.closest("tr");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = (step > 0 ? row.nextElementSibling : row.previousElementSibling)?.querySelector("a");
    if (!next) return;
    next.focus();
    event.preventDefault();
  }
}

// arrange puts the rows behind start, in order. The one with the focus stays where it is and
// the others move around it, since an element that is moved loses the focus.
function arrange(rows, focused, start) {
  let previous = start;
  if (focused >= 0) {
    let next = rows[focused];
    for (let i = focused - 1; i >= 0; i--) {
      if (rows[i].nextSibling !== next) next.before(rows[i]);
      next = rows[i];
    }
    previous = rows[focused];
  }
  for (let i = focused + 1; i < rows.length; i++) {
    if (previous.nextSibling !== rows[i]) previous.after(rows[i]);
    previous = rows[i];
  }
}

const clamp = (n, least, most) => Math.min(Math.max(n, least), most);
