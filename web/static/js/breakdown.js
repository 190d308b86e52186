// Usage per minute, hour or day, stacked by feature, with a table of the same figures.

import { Chart, colour, niceTop } from "./chart.js";
import { byId, el, named, replace, setAttribute, setHidden, setText } from "./dom.js";
import * as format from "./format.js";

const { uPlot } = window;
const colours = 8; // as many as can be told apart; the style sheet has --c0 to --c7

export class Breakdown {
  #chart = new Chart(byId("steps"));

  clear() {
    this.#chart.clear();
    setHidden(byId("steps-box"), true);
  }

  // show draws a series split by feature. usage gives the period's own sums.
  show(series, usage) {
    setHidden(byId("steps-box"), false);
    const zone = series.timezone || "UTC";
    const features = ranked(series);
    const groups = grouped(features, series.points.length);
    const x = series.points.map((p) => Date.parse(p.start) / 1000);
    const stacked = stack(groups.map((g) => g.tokens));
    const sums = series.points.map((p) => p.tokens);

    const size = { minute: 60, hour: 3600, day: 86_400 }[series.step];
    this.#chart.draw({
      shape: JSON.stringify([zone, series.step, groups.map((g) => g.name)]),
      zone,
      // The tallest is drawn first and the others over it: what is seen of each is its own part.
      data: [x, ...[...stacked].reverse()],
      series: () => [...groups.keys()].reverse().map((i) => ({
        fill: colour(`c${i}`), stroke: colour(`c${i}`), width: 0, points: { show: false },
        paths: uPlot.paths.bars({ size: [0.8, 64], align: 1, gap: 1 }),
      })),
      range: { x: [x[0] ?? 0, (x.at(-1) ?? 0) + size], y: [0, niceTop(Math.max(0, ...sums))] },
      tip: (i) => [
        { text: when(series.points[i].start, series.step, zone), value: format.count(sums[i]) },
        ...groups.map((g, k) => ({ text: g.label, value: format.count(g.tokens[i] ?? 0), chip: `c${k}` }))
          .filter((_, k) => (groups[k].tokens[i] ?? 0) > 0),
      ],
    });
    const total = sums.reduce((a, b) => a + b, 0);
    setText(byId("steps-total"), `${format.plural(total, "token", "tokens")} in ${format.plural(series.points.reduce((a, p) => a + p.events, 0), "event", "events")}`);
    setText(byId("steps-span"), `${format.dayAndTime(series.from, zone)} to ${format.dayAndTime(series.to, zone)} · per ${series.step} · ${zone}`);
    setAttribute(byId("steps"), "aria-label", `Chart: ${format.plural(total, "token", "tokens")} per ${series.step}; the figures are in the tables below`);
    this.#table(features, total, usage);
    this.#points(series, zone);
  }

  #table(features, total, usage) {
    const period = new Map((usage?.features ?? []).map((f) => [f.feature, f]));
    replace(byId("features"), JSON.stringify([features.map((f) => [f.feature, f.sum]), usage?.features]), () =>
      features.map(({ feature, sum }, i) => {
        const whole = period.get(feature);
        return el("tr", {},
          el("th", { scope: "row" }, el("span", { class: `chip c${Math.min(i, colours - 1)}` }), feature === null ? "All others" : named(feature)),
          el("td", { class: "number" }, format.count(sum)),
          el("td", { class: "number" }, total ? format.percent((sum / total) * 100) : format.dash),
          el("td", { class: "number" }, whole ? format.count(whole.tokens) : format.dash),
          el("td", { class: "number" }, whole ? format.count(whole.events) : format.dash));
      }));
    setHidden(byId("features-table"), features.length === 0);
  }

  // #points is the chart for those who do not see it; made when it is opened.
  #points(series, zone) {
    const box = byId("points-box");
    const fill = () => box.open && replace(byId("points"), JSON.stringify(series.points), () =>
      series.points.map((p) => el("tr", {},
        el("th", { scope: "row" }, when(p.start, series.step, zone)),
        el("td", { class: "number" }, format.count(p.tokens)),
        el("td", { class: "number" }, format.count(p.events)))));
    box.ontoggle = fill;
    fill();
  }
}

// ranked puts the features with the most tokens first; the sum of the small ones stays last.
function ranked(series) {
  const features = series.features ?? [{ feature: null, tokens: series.points.map((p) => p.tokens) }];
  return features
    .map((f) => ({ ...f, sum: f.tokens.reduce((a, b) => a + b, 0) }))
    .filter((f) => f.sum > 0 || f.feature !== null)
    .sort((a, b) => (a.feature === null) - (b.feature === null) || b.sum - a.sum || (a.feature < b.feature ? -1 : 1));
}

// grouped keeps as many features as there are colours; the last colour takes all the others.
export function grouped(features, points) {
  const own = features.length > colours ? colours - 1 : features.length;
  const groups = features.slice(0, own).map((f) => ({ name: f.feature, label: f.feature ?? "All others", tokens: f.tokens }));
  if (own < features.length) {
    const tokens = new Array(points).fill(0);
    for (const f of features.slice(own)) f.tokens.forEach((n, i) => (tokens[i] += n));
    groups.push({ name: null, label: "All others", tokens });
  }
  return groups;
}

// stack turns each layer into the sum of itself and those below.
export function stack(layers) {
  const stacked = [];
  for (const layer of layers) {
    const below = stacked.at(-1);
    stacked.push(below ? layer.map((n, i) => n + below[i]) : layer);
  }
  return stacked;
}

const when = (at, step, zone) => (step === "day" ? format.dayWithYear(at, zone) : format.dayAndTime(at, zone));
