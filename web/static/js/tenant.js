// One tenant: its figures, the period's curve, usage by feature, alerts, and exports.

import { alertsFailed, clearAlerts, showAlerts } from "./alerts.js";
import { path } from "./api.js";
import { Breakdown } from "./breakdown.js";
import { Curve } from "./curve.js";
import { byId, setAttribute, setHidden, setText } from "./dom.js";
import { Figures } from "./figures.js";
import { Picker } from "./picker.js";
import { question } from "./range.js";
import { Refresher } from "./refresher.js";
import { copyOnClick, showTake } from "./take.js";

export class TenantView {
  root = byId("tenant");
  title = "";
  #route = null;
  #usage = null; // the last answer about this tenant, or its row of the overview
  #series = null;
  #hours = null;
  #figures = new Figures();
  #curve = new Curve();
  #breakdown = new Breakdown();

  constructor(feed, router, rowOf) {
    Object.assign(this, { feed, router, rowOf });
    this.picker = new Picker((values) => router.change(values));
    this.parts = {
      hours: new Refresher(60_000, (hours) => this.#showHours(hours)),
      series: new Refresher(5000, (series) => this.#showSeries(series), (reason) => this.#seriesFailed(reason)),
      alerts: new Refresher(15_000, (alerts) => showAlerts(alerts, this.#usage.timezone || "UTC"), alertsFailed),
    };
    copyOnClick(byId("copy"), byId("curl"));
    setInterval(() => this.#askParts(), 1000);
  }

  get stale() {
    return Boolean(this.#usage?.stale);
  }

  enter(route) {
    const other = this.#route?.name !== route.name;
    this.#route = route;
    this.title = route.name;
    if (other) this.#reset(route.name);
    if (!this.#following) {
      this.#following = true;
      this.feed.follow({ live: path.live({ tenant: route.name }), poll: path.usage(route.name), first: "tenant" });
    }
    this.#askParts();
  }
  #following = false;

  leave() {
    this.#following = false;
    for (const part of Object.values(this.parts)) part.stop();
  }

  focus() {
    byId("tenant-name").focus({ preventScroll: true });
  }

  // #reset begins with what the overview knows, so that the page is never empty on the way in.
  #reset(name) {
    this.#following = false;
    for (const part of Object.values(this.parts)) part.stop();
    this.#usage = this.rowOf(name);
    this.#series = this.#hours = null;
    this.#curve.clear();
    this.#breakdown.clear();
    clearAlerts();
    this.#figures.name(name);
    setHidden(byId("tenant-body"), !this.#usage);
    setHidden(byId("tenant-loading"), Boolean(this.#usage));
    setHidden(byId("tenant-failed"), true);
    if (this.#usage) this.#figures.show(this.#usage);
  }

  take(message) {
    if (message.type !== "tenant") {
      if (this.#usage && message.stale !== undefined) this.#usage = { ...this.#usage, asOf: message.asOf ?? this.#usage.asOf, stale: message.stale };
      return;
    }
    this.#usage = message;
    setHidden(byId("tenant-body"), false);
    setHidden(byId("tenant-loading"), true);
    setHidden(byId("tenant-failed"), true);
    this.#figures.show(message);
    this.#curve.show(message, this.#hours);
    this.#askParts();
  }

  feedChanged({ mode, failure }) {
    const refused = mode === "refused";
    const failed = refused || (mode === "away" && !this.#usage);
    setHidden(byId("tenant-failed"), !failed);
    if (failed) {
      setHidden(byId("tenant-loading"), true);
      setText(byId("tenant-failure"), refused ? sentence(failure) : `No figures from the server: ${failure}. Trying again.`);
    }
    if (refused) setHidden(byId("tenant-body"), true);
  }

  // #askParts asks for what the feed does not bring. Each part knows how old it may get.
  #askParts() {
    if (!this.#following || !this.#usage?.asOf || document.hidden || this.feed.mode === "paused" || this.feed.mode === "refused") return;
    const { name, feature } = this.#route;
    const { key, from, to, step, steps } = question(this.#route, this.#usage, Date.now());
    const query = { from, to, step, split: "feature", ...(feature && { feature }) };
    this.picker.show({ key, step, steps, feature, from, to, zone: this.#usage.timezone || "UTC", features: this.#usage.features ?? [] });
    showTake(name, query, { from, to });
    this.parts.series.follow(path.series(name, query), `${name} ${key} ${step} ${feature} ${key === "custom" ? from + to : ""}`);
    this.parts.hours.follow(path.series(name, { step: "hour", from: this.#usage.periodStart, to: this.#usage.periodEnd }));
    this.parts.alerts.follow(path.alerts({ tenant: name, limit: 50 }));
    setAttribute(byId("steps-box"), "aria-busy", this.parts.series.waiting);
  }

  #showHours(hours) {
    this.#hours = hours;
    this.#curve.show(this.#usage, hours);
  }

  #showSeries(series) {
    this.#series = series;
    setHidden(byId("steps-failed"), true);
    this.#breakdown.show(series, this.#usage);
    setAttribute(byId("steps-box"), "aria-busy", false);
  }

  #seriesFailed(reason) {
    setHidden(byId("steps-failed"), false);
    setText(byId("steps-failed"), `This chart cannot be shown: ${reason}.`);
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
