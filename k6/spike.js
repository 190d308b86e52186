// 50 requests a second, then 3,000, then 50. Beyond its limits FlagMeter may answer 429 or 503,
// with Retry-After, which this client obeys; what it acknowledges counts to the token.
//
//   k6 run [-e RATE=50] [-e PEAK=3000] [-e DURATION=30s] [-e CALM=10s] [-e URL=…] [-e TENANT=…] [-e API_KEY=…] k6/spike.js
//
// DURATION is that of the peak, CALM that of the time before it, and after. What this machine could not send in time, dropped_iterations,
// is shown and not judged.
import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { gracefulStop, newEvent, post } from './lib/client.js';
import { add, begin, end, sumThresholds } from './lib/sum.js';
import { summary, trendStats } from './lib/summary.js';

const rate = Number(__ENV.RATE || 50);
const peak = Number(__ENV.PEAK || 3000);
const calm = __ENV.CALM || '10s';
const limited = new Counter('limited_answers'); // 429 and 503

export const options = {
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: rate,
      timeUnit: '1s',
      stages: [
        { target: rate, duration: calm },
        { target: peak, duration: '1s' },
        { target: peak, duration: __ENV.DURATION || '30s' },
        { target: rate, duration: '1s' },
        { target: rate, duration: calm },
      ],
      preAllocatedVUs: Math.ceil(Math.max(50, peak / 5)),
      maxVUs: Math.ceil(Math.max(100, peak)),
      gracefulStop,
    },
  },
  thresholds: {
    // 429 and 503 are answers, not failures; anything else is one.
    http_req_failed: ['rate<0.001'],
    checks: ['rate==1'],
    ...sumThresholds,
  },
  summaryTrendStats: trendStats,
};

export const setup = begin;
export const teardown = end;
export const handleSummary = summary('spike', (m) =>
  ['limited_answers', 'refused_events', 'dropped_iterations'].map((name) => [name.replace('_', ' '), String(m[name] ? m[name].values.count : 0)]));

export default function ({ run }) {
  const event = newEvent(run);
  const answer = post(JSON.stringify(event), { expected: [200, 429, 503] });
  add(answer.outcome, [event]);
  limited.add(answer.limited);
  check(answer, { 'every 429 and 503 says when to come again': (a) => a.lawless === 0 });
}
