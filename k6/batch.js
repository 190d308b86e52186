// Batches of SIZE events as an array and as NDJSON, RATE of them a second. Each event has an
// id, and every fifth batch is sent twice: the second time it adds nothing.
//
//   k6 run [-e RATE=20] [-e SIZE=1000] [-e DURATION=1m] [-e URL=…] [-e TENANT=…] [-e API_KEY=…] k6/batch.js
import exec from 'k6/execution';
import { check } from 'k6';
import { gracefulStop, newEvent, post } from './lib/client.js';
import { add, begin, end, sumThresholds } from './lib/sum.js';
import { summary, trendStats } from './lib/summary.js';

const rate = Number(__ENV.RATE || 20);
const size = Number(__ENV.SIZE || 1000);

export const options = {
  scenarios: {
    batch: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '1m',
      preAllocatedVUs: Math.ceil(Math.max(10, rate / 2)),
      maxVUs: Math.ceil(Math.max(50, 2 * rate)),
      gracefulStop,
    },
  },
  thresholds: {
    'http_req_duration{name:POST /events}': ['p(99)<500'],
    http_req_failed: ['rate<0.001'],
    dropped_iterations: ['count==0'],
    checks: ['rate==1'],
    ...sumThresholds,
  },
  summaryTrendStats: trendStats,
};

export const setup = begin;
export const teardown = end;
export const handleSummary = summary('batch', (m) => [['events a second', Math.round(m.acknowledged_events.values.rate).toString()]]);

export default function ({ run }) {
  const number = exec.scenario.iterationInTest;
  const events = Array.from({ length: size }, () => newEvent(run));
  const [body, type] =
    number % 2 === 0
      ? [JSON.stringify(events), 'application/json']
      : [events.map((event) => JSON.stringify(event)).join('\n'), 'application/x-ndjson'];
  const first = post(body, { type });
  add(first.outcome, events);
  if (first.outcome !== 'acknowledged') return;
  check(first.res.json(), { 'all events of a batch are accounted for': (r) => r.accepted + r.duplicates === size });
  if (number % 5 === 0) {
    const again = post(body, { type });
    if (again.outcome === 'acknowledged') {
      check(again.res.json(), { 'a repeated batch is all duplicates': (r) => r.accepted === 0 && r.duplicates === size });
    }
  }
}
