// The stretches of time that the tenant view offers, and what each asks of the server. All
// are half-open, [from, to). Days are the tenant's own, so they are asked for as dates.

import { date } from "./format.js";

const minute = 60_000;
const hour = 60 * minute;
const dayLength = 24 * hour;
const sizes = { minute, hour, day: dayLength };
const mostPoints = 3000; // what the server answers at most

export const ranges = [
  { key: "1h", label: "Last hour", length: hour, steps: ["minute"] },
  { key: "24h", label: "24 hours", length: dayLength, steps: ["hour", "minute"] },
  { key: "7d", label: "7 days", length: 7 * dayLength, steps: ["hour", "day"] },
  { key: "30d", label: "30 days", length: 30 * dayLength, steps: ["day", "hour"] },
  { key: "period", label: "This period", steps: ["day", "hour"] },
  { key: "custom", label: "Custom", steps: ["day", "hour", "minute"] },
];

const daysOf = { "7d": 7, "30d": 30 };

// question turns a route into { from, to, step, steps }: the query's values, and the steps that
// can be chosen. now is in ms, usage the tenant's (its zone and period).
export function question(route, usage, now) {
  const range = ranges.find((r) => r.key === route.range) ?? ranges[1];
  const zone = usage.timezone || "UTC";
  const custom = range.key === "custom" ? customDates(route, zone, now) : null;
  const length = custom ? Date.parse(custom.to) - Date.parse(custom.from) : range.length ?? Date.parse(usage.periodEnd) - Date.parse(usage.periodStart);
  const steps = range.steps.filter((s) => length / sizes[s] <= mostPoints);
  const step = steps.includes(route.step) ? route.step : steps[0];
  return { key: range.key, step, steps, ...(custom ?? span(range, step, usage, zone, now)) };
}

function span(range, step, usage, zone, now) {
  if (range.key === "period") return { from: usage.periodStart, to: instant(Math.min(Date.parse(usage.periodEnd), up(now, hour))) };
  if (step === "day") {
    const today = date(now, zone);
    return { from: addDays(today, 1 - daysOf[range.key]), to: addDays(today, 1) };
  }
  const to = up(now, sizes[step]);
  return { from: instant(to - range.length), to: instant(to) };
}

// customDates takes the dates of the route, or the last week, and puts them in order.
function customDates(route, zone, now) {
  const today = date(now, zone);
  const from = isDate(route.from) ? route.from : addDays(today, -6);
  const to = isDate(route.to) && route.to > from ? route.to : addDays(from < today ? today : from, 1);
  return { from, to };
}

export const isDate = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));

export function addDays(text, n) {
  const at = new Date(`${text}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + n);
  return at.toISOString().slice(0, 10);
}

// days is how long from and to are apart, at least.
export const days = ({ from, to }) => (Date.parse(to) - Date.parse(from)) / dayLength;

const up = (ms, size) => Math.floor(ms / size) * size + size;
const instant = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
