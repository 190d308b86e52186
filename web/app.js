// The usage page: polls GET /tenants and shows every tenant's share of its quota.

const pollEvery = 2000; // ms from the end of one poll to the start of the next
const pollTimeout = 5000; // ms
const lateAfter = 10000; // ms without an answer until the page says so by itself

const $ = (id) => document.getElementById(id);
const counts = new Intl.NumberFormat("en-US");
const percents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

// ---- what the page knows ----

const rows = new Map(); // tenant → its row
let receivedAt = null; // performance.now() of the last good answer
let stale = false; // the server said that its figures may be behind
let failure = ""; // why the last poll failed; "" if it did not
let polling = false;
let timer = 0;

// ---- polling ----

async function poll() {
  if (polling || document.hidden) return;
  polling = true;
  clearTimeout(timer);
  const abort = new AbortController();
  const giveUp = setTimeout(() => abort.abort(), pollTimeout);
  try {
    const answer = await fetch("/tenants", {
      signal: abort.signal,
      headers: { Accept: "application/json" },
      cache: "no-store",
    });
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    const list = await answer.json();
    if (!Array.isArray(list.tenants)) throw new Error("its answer is not a list of tenants");
    show(list.tenants);
    stale = Boolean(list.stale);
    receivedAt = performance.now();
    failure = "";
  } catch (err) {
    failure = abort.signal.aborted ? "it does not answer" : err instanceof TypeError ? "it cannot be reached" : err.message;
  } finally {
    clearTimeout(giveUp);
    polling = false;
    timer = setTimeout(poll, pollEvery);
  }
  showState();
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
setInterval(showState, 1000);
$("example").textContent = [
  "flagmeter tenants add acme-corp --quota 1000000",
  "",
  `curl ${location.origin}/events \\`,
  "  -H 'Content-Type: application/json' \\",
  `  -d '{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}'`,
].join("\n");
poll();

// ---- the page around the table ----

function showState() {
  if (document.hidden) return;
  const age = receivedAt === null ? null : performance.now() - receivedAt;
  setText($("updated"), age === null ? "" : `updated ${ago(age)} ago`);
  if (failure) {
    const kept = age === null ? "" : " The figures below are the last that arrived.";
    banner("away", `No figures from the server: ${failure}.${kept} Trying again.`);
  } else if (age !== null && age > lateAfter) {
    banner("away", "These figures are old: waiting for the server.");
  } else if (stale) {
    banner("stale", "These figures may be behind: the server cannot read all of its data at the moment.");
  } else {
    banner("", "");
  }
  if (failure && age === null) $("loading").hidden = true;
}

// The banner is a live region: its text has no age in it, so that it is read out once
// and not every second.
function banner(kind, text) {
  const el = $("banner");
  el.hidden = !text;
  el.classList.toggle("away", kind === "away");
  setText(el, text);
}

function ago(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 120) return `${s} s`;
  return s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
}

// ---- the table ----

function show(tenants) {
  $("loading").hidden = true;
  $("usage").hidden = tenants.length === 0;
  $("empty").hidden = tenants.length > 0;

  const body = $("rows");
  const named = new Set(tenants.map((t) => t.tenant));
  for (const [name, row] of rows) {
    if (!named.has(name)) {
      row.element.remove();
      rows.delete(name);
    }
  }
  // Rows are kept and only moved where the order changed: with 1,000 tenants a poll that
  // finds nothing new touches no element.
  let next = body.firstElementChild;
  const tally = { near: 0, over: 0 };
  for (const tenant of [...tenants].sort(byShare)) {
    const row = rows.get(tenant.tenant) ?? newRow(tenant.tenant);
    const status = update(row, tenant);
    if (status in tally) tally[status]++;
    if (row.element === next) next = next.nextElementSibling;
    else body.insertBefore(row.element, next);
  }
  setText($("summary"), summary(tenants.length, tally));
}

function byShare(a, b) {
  return (b.quotaPercent ?? -1) - (a.quotaPercent ?? -1) || (a.tenant < b.tenant ? -1 : 1);
}

function summary(n, { near, over }) {
  if (n === 0) return "";
  return `${counts.format(n)} ${n === 1 ? "tenant" : "tenants"} · ${counts.format(over)} over quota · ${counts.format(near)} near`;
}

function newRow(name) {
  const element = $("row").content.firstElementChild.cloneNode(true);
  const part = (className) => element.querySelector(`.${className}`);
  const row = {
    element, badge: part("badge"), used: part("used"), quota: part("quota"), percent: part("percent"),
    bar: part("bar"), fill: part("fill"), dates: part("dates"), zone: part("zone"), shown: "",
  };
  setText(part("tenant"), name);
  row.bar.setAttribute("aria-label", `${name}, percent of quota used`);
  rows.set(name, row);
  return row;
}

// update brings a row up to date and returns the tenant's status.
function update(row, t) {
  const [status, words] = statusOf(t);
  const version = JSON.stringify(t);
  if (version === row.shown) return status;
  row.shown = version;

  row.element.className = status;
  setText(row.badge, words);
  setText(row.used, counts.format(t.totalTokens));
  setText(row.quota, t.quota === null ? "" : `/ ${counts.format(t.quota)}`);
  setText(row.percent, t.quotaPercent === null ? "no quota" : `${percents.format(t.quotaPercent)} %`);
  const [dates, zone] = period(t);
  setText(row.dates, dates);
  setText(row.zone, zone);
  if (t.quotaPercent !== null) drawBar(row, t, words);
  return status;
}

function statusOf(t) {
  if (t.quotaPercent === null) return ["none", t.archived ? "Archived" : "No quota"];
  if (t.archived) return ["archived", "Archived"];
  if (t.quotaPercent >= 100) return ["over", "Over quota"];
  if (t.thresholds?.length && t.quotaPercent >= Math.min(...t.thresholds)) return ["near", "Near quota"];
  return ["ok", "OK"];
}

// drawBar shows 0 to 100 %, or as far as the usage or the highest threshold reaches beyond.
function drawBar(row, t, words) {
  const thresholds = t.thresholds ?? [];
  const end = Math.max(100, t.quotaPercent, ...thresholds);
  row.fill.style.width = `${(t.quotaPercent / end) * 100}%`;
  row.bar.setAttribute("aria-valuemax", end);
  row.bar.setAttribute("aria-valuenow", t.quotaPercent);
  row.bar.setAttribute("aria-valuetext", `${percents.format(t.quotaPercent)} %, ${words}`);

  const marks = thresholds.filter((at) => at !== 100).map((at) => [at, "mark", `alert at ${at} %`]);
  if (end > 100 || thresholds.includes(100)) marks.push([100, "mark quota-mark", "quota"]);
  const key = JSON.stringify([end, marks]);
  if (key === row.marks) return;
  row.marks = key;
  for (const old of row.bar.querySelectorAll(".mark")) old.remove();
  for (const [at, className, title] of marks) {
    const mark = document.createElement("div");
    mark.className = className;
    mark.title = title;
    mark.style.left = `${(at / end) * 100}%`;
    row.bar.append(mark);
  }
}

// ---- periods ----

const formats = new Map(); // time zone → its date format

// period returns the first and the last day in the tenant's zone, and the zone.
function period(t) {
  const { format, zone } = dateFormat(t.timezone || "UTC");
  const first = new Date(t.periodStart);
  const last = new Date(new Date(t.periodEnd).getTime() - 1); // the end is the next period's start
  return [format.formatRange(first, last), zone];
}

function dateFormat(zone) {
  if (!formats.has(zone)) {
    const make = (timeZone) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone });
    try {
      formats.set(zone, { format: make(zone), zone });
    } catch {
      formats.set(zone, { format: make("UTC"), zone: "UTC" }); // a zone this browser does not know
    }
  }
  return formats.get(zone);
}

// setText leaves the page alone where nothing changed.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
