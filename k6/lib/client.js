// The client that all scripts share: what it is told by the environment, and how it posts.
//
//   URL      of FlagMeter, http://127.0.0.1:3000 by default
//   TENANT   who uses tokens, acme-corp by default; it must exist
//   API_KEY  where AUTH=required: a key that may ingest and read
//
// A variable that is empty counts as one that is not set.
import http from 'k6/http';
import exec from 'k6/execution';
import { sleep } from 'k6';

export const url = (__ENV.URL || 'http://127.0.0.1:3000').replace(/\/$/, '');
export const tenant = __ENV.TENANT || 'acme-corp';
export const usagePath = `/usage/${encodeURIComponent(tenant)}`;

const features = ['gpt-4-turbo', 'gpt-4o-mini', 'embedding', 'rerank', 'vision'];
const credential = __ENV.API_KEY ? { Authorization: `Bearer ${__ENV.API_KEY}` } : {};
const patience = 40_000; // ms for all tries of a request; below gracefulStop, so none is broken off
const loud = 3; // failures that a virtual user tells of
let made = 0;
let told = 0;

// gracefulStop of every scenario whose events are summed: the last request may take its time.
export const gracefulStop = '60s';

// request gets or sends something once. name groups the metrics of many paths; expected are
// the statuses that are no failure of the request.
export function request(method, path, { body = null, headers = {}, name = path, expected = [200] } = {}) {
  return http.request(method, url + path, body, {
    headers: { ...credential, ...headers },
    tags: { name },
    timeout: '10s',
    redirects: 0,
    responseCallback: http.expectedStatuses(...expected),
  });
}

// newEvent makes an event with an id that no other has. run is from the setup of the test.
export function newEvent(run) {
  made++;
  return {
    id: `${run}-${exec.vu.idInTest}-${made}`,
    tenant,
    feature: features[Math.floor(Math.random() * features.length)],
    tokens: 1 + Math.floor(Math.random() * 4000),
  };
}

// post sends a body of events, each with an id, until there is an answer that settles what
// became of them: the same ids cannot count twice. It waits as long as Retry-After says.
//
// outcome is 'acknowledged'; 'refused', so that nothing of it counts, for a used-up quota (402) at
// once; or 'unanswered': nobody
// knows. limited is how many answers were 429 or 503, lawless how many of those without Retry-After.
export function post(body, { type = 'application/json', expected = [200] } = {}) {
  const end = Date.now() + patience;
  let limited = 0;
  let lawless = 0;
  let doubt = false;
  for (let attempt = 1; ; attempt++) {
    const res = request('POST', '/events', { body, headers: { 'Content-Type': type }, name: 'POST /events', expected });
    if (res.status === 200) return { outcome: 'acknowledged', res, limited, lawless };
    if (res.status !== 429) tell(res);
    // After a try without an answer, only success settles it: the refusal is of the repetition alone.
    if (res.status === 0 || res.status >= 500) doubt = true;
    else if (res.status !== 429) return { outcome: doubt ? 'unanswered' : 'refused', res, limited, lawless };
    let wait = Math.min(0.1 * 2 ** attempt, 2) * (0.5 + Math.random() / 2);
    if (res.status === 429 || res.status === 503) {
      limited++;
      const asked = Number(res.headers['Retry-After']);
      if (asked > 0) wait = asked;
      else lawless++;
    }
    if (Date.now() + wait * 1000 > end) return { outcome: doubt ? 'unanswered' : 'refused', res, limited, lawless };
    sleep(wait);
  }
}

// tell says what went wrong, but not a thousand times a second.
function tell(res) {
  if (told++ < loud) console.warn(`POST /events: ${res.status || 'no answer'} ${res.error || ''} ${String(res.body || '').slice(0, 300)}`);
}
