// A line of the last hour, a point a minute, as tall as its own highest minute.

import { svg, setAttribute } from "./dom.js";
import { plural, short } from "./format.js";

const width = 120;
const height = 28;
const pad = 2; // room for the line's own thickness

export function createSparkline() {
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const element = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" }, area, line);
  let shown = null;

  function show(minutes) {
    if (minutes === shown) return;
    shown = minutes;
    const d = path(minutes);
    setAttribute(line, "d", d);
    setAttribute(area, "d", d && `${d}V${height}H0Z`);
    setAttribute(element, "aria-label", describe(minutes));
    element.classList.toggle("quiet", !minutes.some(Boolean));
  }

  return { element, show };
}

// path is exported for its test.
export function path(minutes) {
  if (minutes.length < 2) return "";
  const highest = Math.max(1, ...minutes);
  const x = (i) => round((i * width) / (minutes.length - 1));
  const y = (tokens) => round(height - pad - (tokens / highest) * (height - 2 * pad));
  return "M" + minutes.map((tokens, i) => `${x(i)} ${y(tokens)}`).join("L");
}

const round = (n) => Math.round(n * 10) / 10;

function describe(minutes) {
  const sum = minutes.reduce((a, b) => a + b, 0);
  if (sum === 0) return "Nothing in the last hour";
  return `Last hour: ${plural(sum, "token", "tokens")}, at most ${short(Math.max(...minutes))} a minute`;
}
