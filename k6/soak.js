// A moderate rate for an hour: what grows with time, memory, tables or queues, shows as latency
// of the last tenth beside that of the first.
//
//   k6 run [-e RATE=200] [-e DURATION=1h] [-e URL=…] [-e TENANT=…] [-e API_KEY=…] k6/soak.js
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { gracefulStop, newEvent, post } from './lib/client.js';
import { add, begin, end, sumThresholds } from './lib/sum.js';
import { summary, trendStats } from './lib/summary.js';

const rate = Number(__ENV.RATE || 200);
const first = new Trend('latency_first_tenth', true);
const last = new Trend('latency_last_tenth', true);

export const options = {
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '1h',
      preAllocatedVUs: Math.ceil(Math.max(20, rate / 5)),
      maxVUs: Math.ceil(Math.max(100, rate)),
      gracefulStop,
    },
  },
  thresholds: {
    'http_req_duration{name:POST /events}': ['p(99)<200'],
    http_req_failed: ['rate<0.001'],
    dropped_iterations: ['count==0'],
    latency_last_tenth: ['p(99)<200'],
    ...sumThresholds,
  },
  summaryTrendStats: trendStats,
};

export const setup = begin;
export const teardown = end;
export const handleSummary = summary('soak', (m) =>
  ['med', 'p(99)'].map((statistic) => {
    const [a, b] = [m.latency_first_tenth, m.latency_last_tenth].map((trend) => (trend ? trend.values[statistic] : NaN));
    return [`${statistic}, first to last tenth`, a > 0 && b > 0 ? `${a.toFixed(2)} to ${b.toFixed(2)} ms, ${(b / a).toFixed(2)} ×` : 'too few requests'];
  }));

export default function ({ run }) {
  const event = newEvent(run);
  const { outcome, res } = post(JSON.stringify(event));
  add(outcome, [event]);
  const done = exec.scenario.progress;
  if (done < 0.1) first.add(res.timings.duration);
  else if (done >= 0.9) last.add(res.timings.duration);
}
