// The tenant's alerts, newest first, and what became of each message.

import { byId, el, replace, setHidden, setText } from "./dom.js";
import * as format from "./format.js";

// showAlerts shows the answer of GET /alerts.
export function showAlerts({ alerts, next }, zone) {
  setHidden(byId("alerts-loading"), true);
  setHidden(byId("alerts-none"), alerts.length > 0);
  setHidden(byId("alerts-more"), !next);
  setHidden(byId("alerts-failed"), true);
  replace(byId("alerts"), JSON.stringify([alerts, zone]), () => alerts.map((alert) => item(alert, zone)));
}

export function alertsFailed(reason) {
  setHidden(byId("alerts-loading"), true);
  setHidden(byId("alerts-failed"), false);
  setText(byId("alerts-failed"), `The alerts cannot be shown: ${reason}.`);
}

export function clearAlerts() {
  replace(byId("alerts"), "", () => []);
  for (const id of ["alerts-none", "alerts-more", "alerts-failed"]) setHidden(byId(id), true);
  setHidden(byId("alerts-loading"), false);
}

function item(alert, zone) {
  const open = alert.state === "open";
  return el("li", { class: "alert" },
    el("div", { class: "alert-head" },
      el("strong", {}, `${alert.threshold} % crossed`),
      el("span", { class: `pill ${open ? "near" : "ok"}` }, open ? "Open" : "Cleared"),
      instant(alert.firedAt, zone)),
    el("p", { class: "sub" },
      `${format.count(alert.used)} of ${format.count(alert.quota)} tokens (${format.percent(alert.percent)}), period from ${alert.periodStart}`,
      ...(alert.clearedAt ? [", cleared ", instant(alert.clearedAt, zone)] : [])),
    el("ul", { class: "deliveries" }, ...(alert.deliveries ?? []).map((d) => delivery(d, zone))));
}

const results = { delivered: ["ok", "Delivered"], pending: ["near", "Pending"], dead: ["over", "Given up"] };
const reasons = { "quota.rearmed": "usage fell below" };

function delivery(d, zone) {
  const [kind, words] = results[d.status] ?? ["none", d.status];
  const tries = d.tries ?? [];
  return el("li", {},
    el("span", { class: `pill ${kind}` }, words),
    " ",
    el("bdi", {}, d.target),
    ...(reasons[d.event] ? [` · ${reasons[d.event]}`] : []),
    ...(d.deliveredAt ? [" · ", instant(d.deliveredAt, zone)] : []),
    ` · ${format.plural(d.attempts, "attempt", "attempts")}`,
    ...(d.status === "pending" && d.nextAttemptAt ? [" · next ", instant(d.nextAttemptAt, zone)] : []),
    ...(d.lastError && d.status !== "delivered" ? [el("p", { class: "error" }, d.lastError)] : []),
    ...(tries.length > 1 || d.lastError ? [history(tries, zone)] : []));
}

function history(tries, zone) {
  if (tries.length === 0) return "";
  return el("details", {}, el("summary", {}, "Every attempt"),
    el("ol", {}, ...tries.map((t) =>
      el("li", {}, instant(t.at, zone), ` · ${t.status ?? "no answer"} · ${t.durationMs} ms`, ...(t.error ? [` · ${t.error}`] : []), ...(t.answer ? [` · “${t.answer}”`] : [])))));
}

const instant = (at, zone) => el("time", { datetime: at, title: format.exact(at, zone) }, format.dayAndTime(at, zone));
