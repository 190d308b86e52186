// The list of tenants as the server has told it: a snapshot, then what has changed.
export class TenantList {
  rows = new Map(); // name → row; a changed row is another object
  order = []; // names, as sorted by the server
  matching = 0; // how many there are in all
  totals = null; // null: nothing has been told yet
  asOf = null;
  stale = false;

  // take applies one message of the overview's feed. What a message does not tell stays.
  take(message) {
    if (message.type === "snapshot") {
      this.rows = new Map(message.tenants.map((row) => [row.tenant, row]));
      this.order = message.tenants.map((row) => row.tenant);
      this.matching = message.matching;
      this.totals = message.totals;
    }
    if (message.type === "change") this.#change(message);
    this.asOf = message.asOf ?? this.asOf;
    this.stale = message.stale ?? this.stale;
  }

  #change({ tenants, order, gone, totals, matching }) {
    gone ??= [];
    for (const row of tenants ?? []) {
      const known = this.rows.get(row.tenant);
      this.rows.set(row.tenant, { ...row, sparkline: row.sparkline ?? known?.sparkline ?? [] });
    }
    if (order) this.order = order;
    for (const name of gone) this.rows.delete(name);
    if (gone.length || order) this.order = this.order.filter((name) => this.rows.has(name));
    if (order) {
      // Who has left the page is not told again: keeping such a row would show old figures later.
      const shown = new Set(order);
      for (const name of this.rows.keys()) if (!shown.has(name)) this.rows.delete(name);
    }
    this.totals = totals ?? this.totals;
    this.matching = matching ?? Math.max(this.order.length, this.matching - gone.length);
  }
}
