// The controls above the usage chart: stretch of time, step, feature. They only change the
// route; what is shown follows from it.

import { byId, el, replace, setAttribute, setHidden } from "./dom.js";
import { date, name as shownName } from "./format.js";
import { addDays, isDate, ranges } from "./range.js";

export class Picker {
  constructor(change) {
    this.change = change;
    byId("ranges").append(...ranges.map(({ key, label }) =>
      el("label", {}, el("input", { type: "radio", name: "range", value: key, on: { change: () => this.#range(key) } }), el("span", {}, label))));
    byId("step").addEventListener("change", (event) => change({ step: event.target.value }));
    byId("feature").addEventListener("change", (event) => change({ feature: event.target.value.slice(1) }));
    byId("custom").addEventListener("submit", (event) => event.preventDefault());
    for (const id of ["from", "last"]) byId(id).addEventListener("change", () => this.#dates());
  }

  // show sets the controls to what is shown: { key, step, steps, feature, features, from, to, zone }.
  show(now) {
    this.now = now;
    for (const input of byId("ranges").querySelectorAll("input")) input.checked = input.value === now.key;
    replace(byId("step"), now.steps.join(), () => now.steps.map((s) => el("option", { value: s }, s)));
    byId("step").value = now.step;
    // "=" in front: the name of a feature may be anything, also empty-looking.
    const names = now.features.map((f) => f.feature);
    if (now.feature && !names.includes(now.feature)) names.push(now.feature);
    replace(byId("feature"), JSON.stringify(names), () => [
      el("option", { value: "=" }, "All features"), ...names.map((n) => el("option", { value: `=${n}` }, shownName(n)))]);
    byId("feature").value = `=${now.feature}`;
    setHidden(byId("custom"), now.key !== "custom");
    if (now.key === "custom") {
      // The last day is included, as people count; the address has the day after it.
      for (const [id, value] of [["from", now.from], ["last", addDays(now.to, -1)]]) {
        const input = byId(id);
        if (input !== document.activeElement) input.value = value;
      }
      setAttribute(byId("last"), "min", now.from);
    }
  }

  #range(key) {
    const dates = key === "custom" ? wholeDays(this.now) : { from: "", to: "" };
    this.change({ range: key, step: "", ...dates });
  }

  #dates() {
    const from = byId("from").value;
    const last = byId("last").value;
    if (isDate(from) && isDate(last)) this.change({ from, to: addDays(last, 1) });
  }
}

// wholeDays are the tenant's days that what is shown touches: custom begins with them.
function wholeDays({ from, to, zone }) {
  return {
    from: isDate(from) ? from : date(from, zone),
    to: isDate(to) ? to : addDays(date(Date.parse(to) - 1, zone), 1),
  };
}
