// Every route once, and bad input that must be refused and counts nothing. Takes seconds.
//
//   k6 run [-e URL=…] [-e TENANT=…] [-e API_KEY=…] k6/smoke.js
//
// Where AUTH=required the key needs the scope admin, which comes with ingest and read. The key
// that the test makes is revoked by it.
import { check, group } from 'k6';
import ws from 'k6/ws';
import { newEvent, post, request, tenant, url, usagePath } from './lib/client.js';
import { add, begin, end, sumThresholds } from './lib/sum.js';
import { summary, trendStats } from './lib/summary.js';

export const options = {
  vus: 1,
  iterations: 1,
  thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'], ...sumThresholds },
  summaryTrendStats: trendStats,
};

export const setup = begin;
export const teardown = end;
export const handleSummary = summary('smoke');

const json = { 'Content-Type': 'application/json' };
const asked = []; // "GET /usage/{tenant}", as openapi.yaml writes it

// ask calls a route and checks the status, the type of the content, and what it holds.
function ask(method, route, { path = route, status = 200, type = 'application/json', holds = () => true, body, headers } = {}) {
  asked.push(`${method} ${route}`);
  const res = request(method, path, { body, headers, name: `${method} ${route}`, expected: [status] });
  const ok = check(res, {
    [`${method} ${path.slice(0, 60)} is ${status}`]: (r) => r.status === status && (r.headers['Content-Type'] || '').startsWith(type) && holds(r),
  });
  if (!ok) console.error(`${method} ${path}: ${res.status} ${res.error || ''} ${String(res.body || '').slice(0, 300)}`);
  return res;
}

// refuse posts what must be answered with a problem of the given status.
function refuse(what, status, body, headers = json) {
  const res = request('POST', '/events', { body, headers, name: 'POST /events, bad', expected: [status] });
  const ok = check(res, {
    [`${what} is ${status}`]: (r) => r.status === status && (r.headers['Content-Type'] || '').startsWith('application/problem+json') && r.json('status') === status,
  });
  if (!ok) console.error(`${what}: ${res.status} ${res.error || ''} ${String(res.body || '').slice(0, 300)}`);
}

function events(run) {
  const event = newEvent(run);
  asked.push('POST /events');
  const answer = post(JSON.stringify(event));
  add(answer.outcome, [event]);
  check(answer.res, { 'POST /events counts an event': (r) => r.status === 200 && r.json('accepted') === 1 && r.json('usage.0.tenant') === tenant });
  const again = post(JSON.stringify(event));
  check(again.res, { 'the same id again is a duplicate': (r) => r.status === 200 && r.json('accepted') === 0 && r.json('duplicates') === 1 });
  refuse('the same id with other content', 409, JSON.stringify({ ...event, tokens: event.tokens + 1 }));
}

function badInput(run) {
  const good = newEvent(run);
  refuse('an empty body', 400, '');
  refuse('text', 400, 'tokens=5');
  refuse('JSON that ends early', 400, JSON.stringify(good).slice(0, -1));
  refuse('an unknown field', 400, JSON.stringify({ ...good, price: 5 }));
  refuse('a missing field', 400, JSON.stringify({ ...good, feature: undefined }));
  for (const tokens of [0, -1, 1.5, '5', null, 1e18]) refuse(`tokens of ${JSON.stringify(tokens)}`, 400, JSON.stringify({ ...good, tokens }));
  refuse('an old timestamp', 400, JSON.stringify({ ...good, timestamp: '2001-01-01T00:00:00Z' }));
  refuse('a name of 129 characters', 400, JSON.stringify({ ...good, feature: 'x'.repeat(129) }));
  refuse('one bad event of two', 400, JSON.stringify([good, { ...newEvent(run), tokens: -1 }]));
  refuse('an empty array', 400, '[]');
  refuse('10,001 events', 413, `[${Array(10_001).fill('{"tenant":"x","feature":"x","tokens":1}').join()}]`);
  refuse('another type of content', 415, JSON.stringify(good), { 'Content-Type': 'text/plain' });
  refuse('an unknown tenant', 404, JSON.stringify({ ...good, tenant: `nobody-${run}` }));
}

function reading() {
  ask('GET', '/usage/{tenant}', { path: usagePath, holds: (r) => r.json('totalTokens') > 0 && r.json('tenant') === tenant });
  ask('GET', '/usage/{tenant}/series', { path: `${usagePath}/series?step=hour`, holds: (r) => Array.isArray(r.json('points')) });
  ask('GET', '/usage/{tenant}/series.csv', { path: `${usagePath}/series.csv?step=day`, type: 'text/csv' });
  // Of a minute: a month of load tests would be long.
  ask('GET', '/usage/{tenant}/events.csv', { path: `${usagePath}/events.csv?from=${new Date(Date.now() - 60_000).toISOString()}`, type: 'text/csv' });
  ask('GET', '/tenants', { path: '/tenants?limit=10', holds: (r) => r.json('tenants').length > 0 });
  ask('GET', '/tenants.csv', { type: 'text/csv' });
  ask('GET', '/alerts', { holds: (r) => Array.isArray(r.json('alerts')) });
  const bad = { status: 400, type: 'application/problem+json' };
  ask('GET', '/tenants', { ...bad, path: '/tenants?colour=red' });
  ask('GET', '/usage/{tenant}/series', { ...bad, path: `${usagePath}/series?step=fortnight` });
  ask('GET', '/usage/{tenant}', { status: 404, type: 'application/problem+json', path: '/usage/nobody%20of%20that%20name' });
}

// live opens the WebSocket and wants one frame.
function live() {
  asked.push('GET /live');
  let frame = '';
  const headers = __ENV.API_KEY ? { Authorization: `Bearer ${__ENV.API_KEY}` } : {};
  const res = ws.connect(`${url.replace(/^http/, 'ws')}/live`, { headers }, (socket) => {
    socket.on('message', (text) => {
      frame = text;
      socket.close();
    });
    socket.setTimeout(() => socket.close(), 5_000);
  });
  check(res, { 'GET /live sends a snapshot': (r) => r && r.status === 101 && frame.includes('"snapshot"') });
}

function keys() {
  const who = ask('GET', '/session', { holds: (r) => r.json('scope') !== undefined });
  const made = ask('POST', '/keys', { status: 201, headers: json, body: JSON.stringify({ scope: 'read', tenant, name: 'smoke test' }) });
  ask('GET', '/keys', { holds: (r) => r.json('keys').length > 0 });
  if (made.status === 201) ask('DELETE', '/keys/{id}', { path: `/keys/${made.json('id')}`, holds: (r) => r.json('madeLive') === 0 });
  const signIn = { headers: { Authorization: 'Bearer nonsense' } };
  if (who.json('kind') !== 'off') Object.assign(signIn, { status: 401, type: 'application/problem+json' });
  ask('POST', '/session', signIn);
  ask('DELETE', '/session', { status: 204, type: '' });
}

function operation() {
  ask('GET', '/healthz', { holds: (r) => r.json('status') === 'ok' });
  ask('GET', '/readyz', { holds: (r) => r.json('status') === 'ready' && r.json('postgres') === 'ok' });
  ask('GET', '/metrics', { type: 'text/plain', holds: (r) => r.body.includes('flagmeter_') });
  ask('GET', '/', { status: 302, type: 'text/html' });
  const page = ask('GET', '/usage', { type: 'text/html' });
  const [asset] = String(page.body).match(/\/assets\/[^"]+\.js/) || ['/assets/none'];
  ask('GET', '/assets/{version}/{path}', { path: asset, type: 'text/javascript' });
}

// complete compares what was called with what the server says that it has.
function complete() {
  const text = String(ask('GET', '/openapi.yaml', { type: 'application/yaml' }).body);
  let path = '';
  const routes = [];
  for (const line of text.slice(text.indexOf('\npaths:'), text.indexOf('\ncomponents:')).split('\n')) {
    if (/^ {2}\//.test(line)) path = line.trim().replace(/:$/, '');
    else if (/^ {4}(get|post|put|patch|delete):$/.test(line)) routes.push(`${line.trim().slice(0, -1).toUpperCase()} ${path}`);
  }
  const left = routes.filter((route) => !asked.includes(route));
  if (left.length > 0) console.error(`not called: ${left.join(', ')}`);
  check(left, { 'every route of openapi.yaml was called': (l) => routes.length > 10 && l.length === 0 });
}

export default function ({ run }) {
  group('events', () => events(run));
  group('bad input', () => badInput(run));
  group('reading', reading);
  group('live', live);
  group('keys', keys);
  group('operation', operation);
  group('complete', complete);
}
