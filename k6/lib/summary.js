// What a test prints at its end, and the file it leaves.

const milliseconds = (n) => `${n < 10 ? n.toFixed(2) : n.toFixed(1)} ms`;
const whole = (n) => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ',');

// write shows a statistic of a metric as people read it.
function write(metric, statistic) {
  const value = metric.values[statistic];
  if (value === undefined || value === null || metric.values.count === 0 && metric.type === 'trend') return '-';
  if (metric.type === 'trend') return metric.contains === 'time' ? milliseconds(value) : whole(value);
  if (metric.type === 'rate') return value.toFixed(5);
  return whole(value);
}

// judged are the thresholds as rows: what, figure, aim, verdict.
function judged(metrics) {
  const rows = [];
  for (const [name, metric] of Object.entries(metrics).sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const [aim, { ok }] of Object.entries(metric.thresholds || {})) {
      const [, statistic, rest] = aim.match(/^\s*([a-z]+(?:\([\d.]+\))?)\s*(.*)$/);
      rows.push([`${name} ${statistic}`, write(metric, statistic), rest, ok ? 'met' : 'MISSED']);
    }
  }
  return rows;
}

// table aligns rows in columns.
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => '  ' + row.map((cell, column) => (column === 1 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join('  ').trimEnd()).join('\n');
}

// summary makes a handleSummary that prints the table, with the lines that more(metrics)
// returns as [what, figure], and writes all figures as JSON to SUMMARY, k6/out/NAME.json by default.
export function summary(name, more = () => []) {
  return (data) => {
    const m = data.metrics;
    const rows = [['', 'measured', 'aim', '']];
    const posts = m['http_req_duration{name:POST /events}'] || m.http_req_duration;
    if (posts) {
      for (const statistic of ['med', 'p(95)', 'p(99)', 'max']) rows.push([`latency ${statistic}`, write(posts, statistic), '', '']);
    }
    if (m.http_reqs) rows.push(['requests', whole(m.http_reqs.values.count), '', ''], ['requests a second', whole(m.http_reqs.values.rate), '', '']);
    if (m.acknowledged_tokens) rows.push(['tokens acknowledged', whole(m.acknowledged_tokens.values.count), '', '']);
    for (const [what, figure] of more(m)) rows.push([what, figure, '', '']);
    rows.push(...judged(m));
    let text = `\n${name}\n\n${table(rows)}\n`;
    if (m.unanswered_events && m.unanswered_events.values.count > 0) {
      text += `\n  The sum is not judged: nobody knows whether ${whole(m.unanswered_events.values.count)} events count, which were never answered.\n`;
    }
    const file = __ENV.SUMMARY || `k6/out/${name}.json`;
    return { stdout: `${text}\n`, [file]: JSON.stringify({ name, ...data }, null, 2) };
  };
}

export const trendStats = ['avg', 'med', 'p(95)', 'p(99)', 'max', 'count'];
