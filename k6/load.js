// 1,000 requests a second, each a single event. At the end the tenant's usage must have
// grown by what was acknowledged: tokens_missing, which a threshold wants to be 0.
//
//   k6 run [-e URL=http://127.0.0.1:3000] [-e RATE=1000] [-e DURATION=1m] [-e TENANT=acme-corp] [-e API_KEY=…] k6/load.js
//
// The tenant must exist, and nobody else may send events for it meanwhile.
import http from 'k6/http';
import { check } from 'k6';
import { Counter } from 'k6/metrics';

const url = __ENV.URL || 'http://127.0.0.1:3000';
const tenant = __ENV.TENANT || 'acme-corp';
const features = ['gpt-4-turbo', 'gpt-4o-mini', 'embedding', 'rerank', 'vision'];
const headers = { 'Content-Type': 'application/json', ...(__ENV.API_KEY && { Authorization: `Bearer ${__ENV.API_KEY}` }) };
const acknowledged = new Counter('acknowledged_tokens');
const missing = new Counter('tokens_missing'); // acknowledged, less the growth of usage

export const options = {
  scenarios: {
    load: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE || 1000),
      timeUnit: '1s',
      duration: __ENV.DURATION || '1m',
      preAllocatedVUs: 100,
      maxVUs: 500,
    },
  },
  thresholds: {
    'http_req_duration{kind:post}': ['p(99)<200'],
    http_req_failed: ['rate<0.001'],
    dropped_iterations: ['count==0'],
    checks: ['rate==1'],
    tokens_missing: ['count==0'],
  },
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
};

function used() {
  return http.get(`${url}/usage/${encodeURIComponent(tenant)}`, { headers }).json('totalTokens');
}

export function setup() {
  return { before: used() };
}

export default function () {
  const tokens = 1 + Math.floor(Math.random() * 4000);
  const event = { tenant, tokens, feature: features[Math.floor(Math.random() * features.length)] };
  const res = http.post(`${url}/events`, JSON.stringify(event), {
    headers,
    tags: { kind: 'post' },
  });
  if (res.status === 200) {
    acknowledged.add(tokens);
    missing.add(tokens);
  }
}

export function teardown(data) {
  const after = used();
  check(after, { 'usage grew': (n) => n > data.before });
  missing.add(data.before - after);
  console.log(`usage grew by ${after - data.before} tokens`);
}
