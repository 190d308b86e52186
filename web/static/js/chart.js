// What both charts share: uPlot with the page's colours and the tenant's time zone, a tooltip,
// and a canvas that follows the size of its card and the colour scheme.

import { el, setStyle } from "./dom.js";
import * as format from "./format.js";

const { uPlot } = window; // vendor/uplot, loaded before the modules

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const darkScheme = matchMedia("(prefers-color-scheme: dark)");

export class Chart {
  #plot = null;
  #shape = "";
  #spec = null;

  constructor(host) {
    this.host = host;
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
    new ResizeObserver(() => this.#resize()).observe(host);
    darkScheme.addEventListener("change", () => this.#rebuild());
  }

  // draw shows spec: { shape, zone, data, series, range, tip, over }. Data of the same shape
  // goes into the plot that is there; another shape makes a new one.
  //   series () → options of each line, with the colours of the moment
  //   range  { x: [from, to], y: [from, to] }
  //   tip    (index) → lines of text for the point under the pointer
  //   over   (plot) draws on the canvas, above the lines
  draw(spec) {
    spec.data = spec.data.map((values) => values.map((n) => n && Number(n))); // of some that are Whole
    this.#spec = spec;
    if (!this.#plot || this.#shape !== spec.shape) {
      this.#rebuild();
      return;
    }
    this.#plot.setData(spec.data, false);
    this.#plot.batch(() => {
      this.#plot.setScale("x", limits(spec.range.x));
      this.#plot.setScale("y", limits(spec.range.y));
    });
  }

  clear() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#spec = null;
  }

  #rebuild() {
    const spec = this.#spec;
    if (!spec) return;
    this.#plot?.destroy();
    this.#shape = spec.shape;
    this.#plot = new uPlot(this.#options(spec), spec.data, this.host);
    this.#plot.over.append(this.tip);
  }

  #size() {
    return { width: Math.max(200, this.host.clientWidth), height: Math.max(120, this.host.clientHeight) };
  }

  #resize() {
    if (this.#plot && this.host.clientWidth > 0) this.#plot.setSize(this.#size());
  }

  #options({ zone, series, range }) {
    const muted = colour("muted");
    const grid = { stroke: colour("line"), width: 1 };
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    return {
      ...this.#size(),
      pxAlign: 1,
      padding: [14, 22, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), known(zone)),
      scales: { x: { time: true, range: () => this.#spec?.range.x ?? range.x }, y: { range: () => this.#spec?.range.y ?? range.y } },
      axes: [
        { stroke: muted, font, grid: { show: false }, ticks: { show: false }, gap: 6, size: timeSize, values: timeMarks(zone) },
        { stroke: muted, font, grid, ticks: { show: false }, gap: 8, size: 56, values: (_, marks) => marks.map((n) => format.short(n)) },
      ],
      series: [{}, ...series()],
      hooks: { setCursor: [(plot) => this.#point(plot)], draw: [(plot) => this.#spec?.over?.(plot)] },
    };
  }

  // #point puts the tooltip beside the pointer, on the side where there is room.
  #point(plot) {
    const { idx, left } = plot.cursor;
    const lines = idx === null || idx === undefined || left < 0 ? null : this.#spec?.tip(idx);
    this.tip.hidden = !lines;
    if (!lines) return;
    this.tip.replaceChildren(...lines.map(({ text, value, chip }, i) =>
      el("div", { class: i === 0 ? "tip-head" : "tip-line" }, ...(chip ? [el("span", { class: `chip ${chip}` })] : []), el("bdi", {}, text), ...(value ? [el("b", {}, value)] : []))));
    const right = left > plot.over.clientWidth / 2;
    setStyle(this.tip, "left", right ? "auto" : `${left + 14}px`);
    setStyle(this.tip, "right", right ? `${plot.over.clientWidth - left + 14}px` : "auto");
  }
}

const limits = ([min, max]) => ({ min, max });

// known falls back to UTC for a zone that this browser does not know.
function known(zone) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

// timeMarks labels the time axis with the tenant's clock, and with the day below wherever a new
// one begins. step is in seconds.
const timeMarks = (zone) => (plot, marks, axis, space, step) => {
  let lastDay = "";
  return marks.map((seconds) => {
    const today = format.day(seconds * 1000, zone);
    if (step >= 86_400) return today;
    const clock = format.time(seconds * 1000, zone);
    const text = today === lastDay ? clock : `${clock}\n${today}`;
    lastDay = today;
    return text;
  });
};

// timeSize makes room for a second line where there is one.
const timeSize = (plot, values) => (values?.some((text) => text.includes("\n")) ? 42 : 26);

// niceTop is a little more than the highest value, so that no line sticks to the card's edge.
export const niceTop = (highest) => (highest > 0 ? highest * 1.08 : 1);
