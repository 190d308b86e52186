// 1,000 requests a second, each a single event. At the end the tenant's usage has grown by
// what was acknowledged, to the token.
//
//   k6 run [-e URL=http://127.0.0.1:3000] [-e RATE=1000] [-e DURATION=1m] [-e TENANT=acme-corp] [-e API_KEY=…] k6/load.js
//
// Exit code 99: a threshold was missed. `make load` runs it.
import { gracefulStop, newEvent, post } from './lib/client.js';
import { add, begin, end, sumThresholds } from './lib/sum.js';
import { summary, trendStats } from './lib/summary.js';

const rate = Number(__ENV.RATE || 1000);

export const options = {
  scenarios: {
    load: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '1m',
      preAllocatedVUs: Math.ceil(Math.max(50, rate / 5)), // enough for answers that take 200 ms
      maxVUs: Math.ceil(Math.max(100, rate)),
      gracefulStop,
    },
  },
  thresholds: {
    'http_req_duration{name:POST /events}': ['p(99)<200'],
    http_req_failed: ['rate<0.001'],
    dropped_iterations: ['count==0'],
    ...sumThresholds,
  },
  summaryTrendStats: trendStats,
};

export const setup = begin;
export const teardown = end;
export const handleSummary = summary('load');

export default function ({ run }) {
  const event = newEvent(run);
  add(post(JSON.stringify(event)).outcome, [event]);
}
