// The overview: totals, and all tenants in a table that the server sorts and searches.

import { path } from "./api.js";
import { byId, setAttribute, setHidden, setText } from "./dom.js";
import * as format from "./format.js";
import { createRow } from "./row.js";
import { gettingStarted } from "./start.js";
import { TenantList } from "./tenants.js";
import { Window } from "./window.js";

// How many rows are asked for: more as the reader scrolls. A screen takes about 15.
const limits = [100, 500, 2000, 10_000];
const typingPause = 150; // ms

export class Overview {
  root = byId("overview");
  title = "";
  #list = new TenantList();
  #route = null;
  #limit = limits[0];
  #asked = "";

  constructor(feed, router) {
    Object.assign(this, { feed, router });
    this.#window = new Window(byId("rows"), {
      makeRow: createRow,
      needs: (rows) => this.#needs(rows),
    });
    this.#controls();
    setText(byId("first-event"), gettingStarted(location.origin));
  }
  #window;

  get stale() {
    return this.#list.stale;
  }

  rowOf(name) {
    return this.#list.rows.get(name) ?? null;
  }

  enter(route) {
    if (this.#route && (this.#route.q !== route.q || this.#route.sort !== route.sort)) this.#limit = limits[0];
    this.#route = route;
    const search = byId("search");
    if (search !== document.activeElement) search.value = route.q;
    byId("archived").checked = route.archived === "true";
    this.#showSort(route.sort);
    setAttribute(byId("csv"), "href", path.tenantsCSV(this.#query()));
    this.#ask();
    if (this.#list.totals) this.#show();
  }

  leave() {
    this.#asked = "";
  }

  focus() {
    const link = byId("rows").querySelector("a");
    (link ?? byId("search")).focus({ preventScroll: true });
  }

  take(message) {
    if (!this.#list.totals) requestAnimationFrame(() => performance.mark("rows")); // for who measures
    this.#list.take(message);
    setAttribute(byId("tenants"), "aria-busy", false);
    this.#show();
  }

  // feedChanged shows why there are no figures, if there have never been any.
  feedChanged({ mode, failure }) {
    const nothing = !this.#list.totals && (mode === "away" || mode === "refused");
    setHidden(byId("loading"), Boolean(this.#list.totals) || nothing);
    setHidden(byId("failed"), !nothing);
    if (nothing) setText(byId("failure"), failure);
  }

  #query() {
    const { q, sort, archived } = this.#route;
    return { sort, ...(q && { q }), ...(archived && { archived }) };
  }

  #ask() {
    const query = { ...this.#query(), limit: this.#limit };
    const key = JSON.stringify(query);
    if (key === this.#asked) return;
    this.#asked = key;
    setAttribute(byId("tenants"), "aria-busy", true);
    this.feed.follow({ live: path.live(query), poll: path.tenants(query), first: "snapshot" });
  }

  #needs(rows) {
    const limit = limits.find((l) => l >= rows) ?? limits.at(-1);
    if (limit <= this.#limit) return;
    this.#limit = limit;
    this.#ask();
  }

  #show() {
    const { totals, matching, order, rows } = this.#list;
    const none = matching === 0 && order.length === 0;
    const empty = none && totals.tenants === 0 && !this.#route.q;
    setHidden(byId("loading"), true);
    setHidden(byId("failed"), true);
    setHidden(byId("empty"), !empty);
    setHidden(byId("nothing"), !none || empty);
    setHidden(byId("tools"), empty);
    setHidden(byId("tenants"), none);
    setText(byId("nothing-for"), this.#route.q);
    setText(byId("matching"), format.plural(matching, "tenant", "tenants"));
    setAttribute(byId("tenants"), "aria-rowcount", matching + 1);
    this.#showTotals(totals);
    this.#window.update(order, Math.min(matching, limits.at(-1)), (name) => rows.get(name));
  }

  #showTotals(totals) {
    setHidden(byId("totals"), false);
    const tile = (id, n, write) => {
      setText(byId(id), write(n));
      setAttribute(byId(id), "title", write === format.rate ? String(n) : format.count(n));
    };
    tile("total-tenants", totals.tenants, format.count);
    tile("total-tokens", totals.totalTokens, format.short);
    tile("total-over", totals.overQuota, format.count);
    tile("total-near", totals.nearQuota, format.count);
    tile("total-rate", totals.eventsPerSecond, format.rate);
    byId("total-over").classList.toggle("over", totals.overQuota > 0);
    byId("total-near").classList.toggle("near", totals.nearQuota > 0);
  }

  // ---- search and sort ----

  #controls() {
    const search = byId("search");
    let typing = 0;
    search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.#change({ q: search.value.trim() }), typingPause);
    });
    byId("clear").addEventListener("click", () => {
      search.value = "";
      this.#change({ q: "" });
      search.focus();
    });
    byId("tools").addEventListener("submit", (event) => event.preventDefault());
    byId("archived").addEventListener("change", (event) => this.#change({ archived: event.target.checked ? "true" : "" }));
    byId("sort").addEventListener("change", (event) => this.#change({ sort: event.target.value }));
    for (const button of this.#sortButtons()) {
      button.addEventListener("click", () => {
        const { sort, first } = button.dataset;
        const now = this.#route.sort;
        const other = now.startsWith("-") ? sort : `-${sort}`;
        this.#change({ sort: now.replace("-", "") === sort ? other : `${first ?? ""}${sort}` });
      });
    }
  }

  #change(values) {
    scrollTo(0, Math.min(scrollY, this.root.offsetTop)); // the order's top is what one wants to see
    this.router.change(values, { replace: true });
  }

  #sortButtons() {
    return byId("tenants").querySelectorAll("button[data-sort]");
  }

  #showSort(sort) {
    const key = sort.replace("-", "");
    for (const button of this.#sortButtons()) {
      const direction = button.dataset.sort !== key ? null : sort.startsWith("-") ? "descending" : "ascending";
      setAttribute(button.closest("th"), "aria-sort", direction);
    }
    const select = byId("sort");
    select.value = sort;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
}
