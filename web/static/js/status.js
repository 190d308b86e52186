// What a tenant's usage means, in a class for its colour and in words for everybody.

export const overQuota = 100; // percent

export function statusOf(row) {
  if (row.archived) return { kind: "archived", words: "Archived" };
  if (row.quotaPercent === null) return { kind: "none", words: "No quota" };
  if (row.quotaPercent >= overQuota) return { kind: "over", words: "Over quota" };
  if (row.thresholds?.length && row.quotaPercent >= Math.min(...row.thresholds)) return { kind: "near", words: "Near quota" };
  return { kind: "ok", words: "Within quota" };
}

// outlook says when the quota will be used up: short, and in full for a title. detail is null
// where there is nothing to add.
export function outlook(row, format, now) {
  const zone = row.timezone || "UTC";
  if (row.quota === null) return { text: format.dash, detail: null, title: "No quota, nothing to use up" };
  if (row.totalTokens >= row.quota) return { text: "Used up", detail: null, title: "The quota is used up" };
  if (row.exhaustedAt) {
    const left = Date.parse(row.exhaustedAt) - now;
    return {
      text: format.day(row.exhaustedAt, zone),
      detail: left > 0 ? `in ${format.duration(left)}` : "now",
      title: `At this pace the quota is used up on ${format.exact(row.exhaustedAt, zone)}`,
    };
  }
  if (row.projectedTokens === null) return { text: format.dash, detail: null, title: "Told from the period’s second hour on" };
  return { text: "Lasts", detail: null, title: "At this pace the quota lasts until the period ends" };
}
