// The period so far as a cumulative curve, with the quota, its thresholds, and where the pace
// leads. Hours come from the series, the last point from the live figure.

import { Chart, colour, niceTop } from "./chart.js";
import { byId, setAttribute } from "./dom.js";
import * as format from "./format.js";

export class Curve {
  #chart = new Chart(byId("curve"));

  clear() {
    this.#chart.clear();
  }

  // show draws usage (the live figure) over series (hours since the period began; null while
  // they are not here yet).
  show(usage, series) {
    const zone = usage.timezone || "UTC";
    const start = seconds(usage.periodStart);
    const end = seconds(usage.periodEnd);
    const now = Math.min(seconds(usage.asOf), end);
    const { times, totals } = accumulate(series?.points ?? [], start, now, usage.totalTokens);
    const projected = usage.projectedTokens !== null && now < end;

    const x = projected || now < end ? [...times, end] : times;
    const pad = (values) => (x.length > values.length ? [...values, null] : values);
    const last = times.length - 1;
    const dashed = x.map((_, i) => (i === last ? totals[last] : i > last ? usage.projectedTokens : null));
    const top = Math.max(usage.totalTokens, usage.quota ?? 0, projected ? usage.projectedTokens : 0);
    // A projection of ten times the quota would press everything else to the ground.
    const highest = usage.quota ? Math.min(top, Math.max(2 * usage.quota, usage.totalTokens)) : top;

    this.#chart.draw({
      shape: `${zone} ${projected}`,
      zone,
      data: [x, pad(totals), dashed],
      series: () => [
        { stroke: colour("accent"), width: 2, fill: colour("accent-soft"), points: { show: false } },
        { stroke: colour("accent"), width: 2, dash: [6, 5], spanGaps: true, points: { show: false }, show: projected },
      ],
      range: { x: [start, end], y: [0, niceTop(highest)] },
      over: (plot) => drawLines(plot, usage),
      tip: (i) => [
        { text: `${format.dayAndTime(x[i] * 1000, zone)}` },
        i <= last
          ? { text: "used", value: format.count(totals[i]) }
          : { text: "projected", value: usage.projectedTokens === null ? format.dash : format.count(usage.projectedTokens) },
      ],
    });
    setAttribute(byId("curve"), "aria-label", describe(usage, zone));
  }
}

const seconds = (at) => Date.parse(at) / 1000;

// accumulate sums up to the end of each hour. Hours that are told lag behind the live figure
// by up to a minute, so the last point is the live figure itself.
export function accumulate(points, start, now, total) {
  const times = [start];
  const totals = [0];
  let sum = 0;
  for (let i = 0; i < points.length; i++) {
    sum += points[i].tokens;
    const next = i + 1 < points.length ? seconds(points[i + 1].start) : seconds(points[i].start) + 3600;
    if (next <= start || next >= now) continue;
    times.push(next);
    totals.push(Math.min(sum, total));
  }
  if (now > times.at(-1)) {
    times.push(now);
    totals.push(total);
  }
  return { times, totals };
}

// drawLines draws the quota and the thresholds across the whole period, each with its name.
function drawLines(plot, usage) {
  if (usage.quota === null) return;
  const lines = (usage.thresholds ?? [])
    .filter((at) => at !== 100)
    .map((at) => ({ at: (usage.quota / 100) * at, text: `${at} %`, name: "near" }));
  lines.push({ at: usage.quota, text: `Quota ${format.amount(usage.quota)}`, name: "over" });
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `600 ${11 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  for (const { at, text, name } of lines) {
    const y = Math.round(plot.valToPos(at, "y", true)) + 0.5;
    if (y < bbox.top) continue;
    ctx.strokeStyle = colour(name);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash(name === "over" ? [] : [3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillStyle = colour(`${name}-text`);
    ctx.fillText(text, bbox.left + 6 * devicePixelRatio, y - 2 * devicePixelRatio);
  }
  ctx.restore();
}

function describe(usage, zone) {
  const used = `${format.count(usage.totalTokens)} tokens used from ${format.period(usage.periodStart, usage.periodEnd, zone)}`;
  const quota = usage.quota === null ? "no quota" : `of a quota of ${format.count(usage.quota)}`;
  const projected = usage.projectedTokens === null ? "" : `, projected to reach ${format.count(usage.projectedTokens)} by its end`;
  return `Chart: ${used}, ${quota}${projected}`;
}
