// The bar of a quota: how much of it is used, and a mark for each threshold.

import { el, setAttribute, setStyle, replace } from "./dom.js";
import { percent } from "./format.js";
import { overQuota, statusOf } from "./status.js";

export function createBar() {
  const fill = el("span", { class: "fill" });
  const marks = el("span", { class: "marks" });
  const element = el("span", { class: "bar", role: "meter", "aria-valuemin": 0 }, el("span", { class: "track" }, fill), marks);

  // show draws 0 to 100 %, or as far as the usage or the highest threshold reaches beyond.
  function show(row) {
    element.hidden = row.quotaPercent === null;
    if (element.hidden) return;
    const thresholds = row.thresholds ?? [];
    const end = Math.max(overQuota, row.quotaPercent, ...thresholds);
    setStyle(fill, "inline-size", `${(row.quotaPercent / end) * 100}%`);
    setAttribute(element, "aria-label", `${row.tenant}: percent of quota used`);
    setAttribute(element, "aria-valuemax", end);
    setAttribute(element, "aria-valuenow", row.quotaPercent);
    setAttribute(element, "aria-valuetext", `${percent(row.quotaPercent)}, ${statusOf(row).words}`);
    replace(marks, `${end} ${thresholds}`, () => [
      ...thresholds.filter((at) => at !== overQuota).map((at) => mark(at, end, "mark", `Alert at ${at} %`)),
      ...(end > overQuota || thresholds.includes(overQuota) ? [mark(overQuota, end, "mark full", "Quota: 100 %")] : []),
    ]);
  }

  return { element, show };
}

function mark(at, end, className, title) {
  const element = el("span", { class: className, title });
  setStyle(element, "inset-inline-start", `${(at / end) * 100}%`);
  return element;
}
