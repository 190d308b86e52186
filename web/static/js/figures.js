// The head of the tenant view: who, how much, and where it is heading.

import { byId, el, replace, setAttribute, setText } from "./dom.js";
import { createBar } from "./bar.js";
import * as format from "./format.js";
import { outlook, statusOf } from "./status.js";

export class Figures {
  #bar = createBar();

  constructor() {
    byId("tenant-bar").append(this.#bar.element);
  }

  name(name) {
    setText(byId("tenant-name-text"), format.name(name));
    setAttribute(byId("tenant-name-text"), "title", name);
  }

  // show takes the answer about a tenant, or its row: the row lacks only the features.
  show(usage) {
    const zone = usage.timezone || "UTC";
    const now = Date.now();
    const { kind, words } = statusOf(usage);
    this.name(usage.tenant); // it may have been asked for by an old one
    setAttribute(byId("tenant-status"), "class", `badge ${kind}`);
    setText(byId("tenant-status"), words);
    setAttribute(byId("tenant-bar"), "class", kind);
    const left = Date.parse(usage.periodEnd) - now;
    setText(byId("tenant-period"), `${format.period(usage.periodStart, usage.periodEnd, zone)} · ${zone}${left > 0 ? ` · ends in ${format.duration(left)}` : ""}`);
    this.#bar.show(usage);

    const percent = usage.quotaPercent === null ? "" : format.percent(usage.quotaPercent);
    const share = usage.quota && usage.projectedTokens !== null ? (usage.projectedTokens / usage.quota) * 100 : null;
    const { text, detail, title } = outlook(usage, format, now);
    const figures = [
      ["Used", format.amount(usage.totalTokens), usage.quota === null ? "no quota" : `of ${format.amount(usage.quota)}`, tokens(usage.totalTokens)],
      ["Share of quota", percent || format.dash, words, percent],
      ["Remaining", usage.quota === null ? format.dash : format.amount(Math.max(0, usage.remaining)), overdrawn(usage), usage.quota === null ? "" : tokens(usage.remaining)],
      ["Pace", usage.perDay === null ? format.dash : format.short(usage.perDay), "tokens per day", usage.perDay === null ? "" : tokens(usage.perDay)],
      ["At the period’s end", usage.projectedTokens === null ? format.dash : format.short(usage.projectedTokens), share === null ? "projected" : `projected, ${format.count(Math.floor(share))} % of quota`, usage.projectedTokens === null ? "" : tokens(usage.projectedTokens)],
      ["Quota runs out", text, detail ?? "", title],
    ];
    replace(byId("figures"), JSON.stringify(figures), () =>
      figures.map(([name, value, note, full]) =>
        el("div", { class: "tile" }, el("dt", {}, name), el("dd", { title: full || null }, value), el("dd", { class: "sub" }, note))));
  }
}

const tokens = (n) => `${format.count(n)} tokens`;

function overdrawn({ quota, totalTokens }) {
  if (quota === null || totalTokens <= quota) return "tokens";
  return `${format.amount(totalTokens - quota)} over`;
}
