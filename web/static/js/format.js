// Numbers, instants and durations in words. English, because the page is; the separators of
// numbers are therefore commas. Instants are shown in the tenant's zone, which is named.

import { Whole } from "./whole.js";

const counts = new Intl.NumberFormat("en-US");
const shorts = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
const percents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const rates = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const dash = "–";

// count writes a whole number in full: 1,234,567. What was calculated from numbers too large to
// be exact is marked.
export function count(n) {
  if (n instanceof Whole) return counts.format(n.digits);
  return Math.abs(n) > Number.MAX_SAFE_INTEGER ? `≈ ${counts.format(n)}` : counts.format(n);
}

// short writes it as 1.23M, for where the full number is one hover away.
export const short = (n) => (n < 10_000 ? counts.format(n) : shorts.format(n));

// amount writes it in full as long as that is easy to read, which is up to 14 characters.
export const amount = (n) => (n < 1e11 ? counts.format(n) : short(n));

export const percent = (p) => `${p < 10_000 ? percents.format(p) : short(Math.floor(p))} %`;

export const rate = (r) => (r < 100 ? rates.format(r) : short(Math.round(r)));

export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

// ---- names ----

// What cannot be seen, or told from a space: as the server has it for names that it refuses. Old
// names may hold it. The signs of Arabic numbers and the like are visible.
const unseen = /(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}])[\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?![ \u3000])\p{Zs}/gu;
const escaped = (text) => [...text].map((c) => `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`).join("");

// name writes a name as it is or, where it could be taken for another one, in quotes and with
// what cannot be seen as \u200b: "shop " is not shop.
export function name(text) {
  const composed = text.normalize("NFC") === text;
  if (composed && text.trim() === text && text.search(unseen) < 0) return text;
  return `"${text.replace(composed ? unseen : /[^ -~]/gu, escaped)}"`;
}

// ---- instants ----

const formats = new Map(); // options and zone → format; making one costs 50 µs

function format(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) {
    let made;
    try {
      made = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    } catch {
      made = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" }); // a zone this browser does not know
    }
    formats.set(key, made);
  }
  return formats.get(key);
}

const dayOptions = { day: "numeric", month: "short" };
const timeOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

export const day = (at, zone) => format(zone, dayOptions).format(new Date(at));
export const dayWithYear = (at, zone) => format(zone, { ...dayOptions, year: "numeric" }).format(new Date(at));
export const time = (at, zone) => format(zone, timeOptions).format(new Date(at));
export const dayAndTime = (at, zone) => `${format(zone, { ...dayOptions, weekday: "short" }).format(new Date(at))}, ${time(at, zone)}`;

// exact is for a title: everything, and the zone.
export const exact = (at, zone) =>
  `${format(zone, { ...dayOptions, weekday: "short", year: "numeric" }).format(new Date(at))}, ${format(zone, { ...timeOptions, second: "2-digit" }).format(new Date(at))} (${zone})`;

// period writes first and last day: the end is the next period's start.
export const period = (start, end, zone) => format(zone, dayOptions).formatRange(new Date(start), new Date(Date.parse(end) - 1));

// date writes the local date as YYYY-MM-DD.
export function date(at, zone) {
  const parts = format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(new Date(at));
  const part = (type) => parts.find((p) => p.type === type).value;
  return `${part("year").padStart(4, "0")}-${part("month")}-${part("day")}`;
}

// ---- durations ----

const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]];

// duration writes milliseconds with at most two units: 2 d 4 h, 12 min, 3 s.
export function duration(ms) {
  const largest = units.findIndex(([, size]) => ms >= size);
  if (largest < 0) return "0 s";
  const [name, size] = units[largest];
  const whole = Math.floor(ms / size);
  const next = units[largest + 1];
  const rest = next ? Math.floor((ms % size) / next[1]) : 0;
  // Beyond ten of a unit the smaller one says nothing, and seconds after minutes flicker.
  if (rest === 0 || whole >= 10 || next[0] === "s") return `${whole} ${name}`;
  return `${whole} ${name} ${rest} ${next[0]}`;
}
