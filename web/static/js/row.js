// One row of the overview. It is made once and then shows one tenant after the other.

import { el, setAttribute, setText, setHidden } from "./dom.js";
import * as format from "./format.js";
import { createBar } from "./bar.js";
import { createSparkline } from "./sparkline.js";
import { outlook, statusOf } from "./status.js";
import { write } from "./router.js";

export function createRow() {
  const name = el("bdi");
  const link = el("a", { class: "name" }, name);
  const period = el("span", { class: "sub" });
  const badge = el("span", { class: "badge" });
  const used = el("span", { class: "main" });
  const quota = el("span", { class: "sub" });
  const bar = createBar();
  const share = el("span", { class: "percent" });
  const spark = createSparkline();
  const pace = pair();
  const projected = pair();
  const exhausted = pair();

  const cell = (className, ...children) => el("td", { role: "cell", class: className }, ...children);
  const element = el("tr", { role: "row" },
    el("th", { role: "rowheader", scope: "row", class: "tenant" }, link, period),
    cell("status", badge),
    cell("used number", used, quota),
    cell("share", el("span", { class: "gauge" }, bar.element, share)),
    cell("hour", spark.element),
    cell("pace number", pace.main, pace.sub),
    cell("projected number", projected.main, projected.sub),
    cell("exhausted number", exhausted.main, exhausted.sub),
  );
  let shown = null;
  let shownAt = 0;

  // show may be called as often as one likes: a row that has not changed costs nothing,
  // except that "in 3 h" is counted anew every half minute.
  function show(row, index) {
    setAttribute(element, "aria-rowindex", index + 2); // the header is 1
    const now = Date.now();
    if (row === shown && now - shownAt < 30_000) return;
    shown = row;
    shownAt = now;
    const zone = row.timezone || "UTC";
    const { kind, words } = statusOf(row);
    setAttribute(element, "class", kind);
    setText(name, format.name(row.tenant));
    setAttribute(link, "title", row.tenant);
    setAttribute(link, "href", write({ view: "tenant", name: row.tenant, ...defaults }));
    setText(period, `${format.period(row.periodStart, row.periodEnd, zone)} · ${zone}`);
    setText(badge, words);
    tokens(used, row.totalTokens, format.amount);
    setText(quota, row.quota === null ? "no quota" : `of ${format.amount(row.quota)}`);
    setAttribute(quota, "title", row.quota === null ? null : format.count(row.quota));
    bar.show(row);
    setText(share, row.quotaPercent === null ? format.dash : format.percent(row.quotaPercent));
    spark.show(row.sparkline);
    tokens(pace.main, row.perDay, format.short);
    setText(pace.sub, row.perDay === null ? "" : "per day");
    tokens(projected.main, row.projectedTokens, format.short);
    const ofQuota = row.quota && row.projectedTokens !== null ? (row.projectedTokens / row.quota) * 100 : null;
    setText(projected.sub, ofQuota === null ? "" : `${format.count(Math.floor(ofQuota))} %`);
    const { text, detail, title } = outlook(row, format, now);
    setText(exhausted.main, text);
    setText(exhausted.sub, detail ?? "");
    setAttribute(exhausted.main, "title", title);
    for (const { sub } of [pace, projected, exhausted]) setHidden(sub, !sub.textContent);
  }

  return { element, link, show };
}

const defaults = { range: "24h" };

const pair = () => ({ main: el("span", { class: "main" }), sub: el("span", { class: "sub" }) });

// tokens shows a number with its full value on hover.
function tokens(element, n, write) {
  setText(element, n === null ? format.dash : write(n));
  setAttribute(element, "title", n === null ? null : `${format.count(n)} tokens`);
}
