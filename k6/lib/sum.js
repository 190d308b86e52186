// The proof that every acknowledged token is in the usage that FlagMeter reports, and no other.
//
// Counters are all that virtual users and teardown share: each acknowledged event is added to
// tokens_missing, and teardown takes the growth of usage away. A threshold wants 0 to be left.
// Nobody else may send events for the tenant meanwhile.
import { Counter } from 'k6/metrics';
import { request, usagePath, tenant } from './client.js';

const acknowledgedEvents = new Counter('acknowledged_events');
const acknowledgedTokens = new Counter('acknowledged_tokens');
const refusedEvents = new Counter('refused_events');
const unansweredEvents = new Counter('unanswered_events');
const judged = new Counter('sum_judged');
const missing = new Counter('tokens_missing'); // acknowledged, less the growth of usage

// sumThresholds belong to every script that sums. With an event nobody has answered for, the
// sum proves nothing, and the test has failed.
export const sumThresholds = {
  acknowledged_events: ['count>0'],
  unanswered_events: ['count==0'],
  tokens_missing: ['count==0'],
  sum_judged: ['count==1'], // or usage could not be read, and nothing is known
};

// usage is what FlagMeter reports now: tokens, and when the billing period began.
function usage() {
  const res = request('GET', usagePath, { name: 'GET /usage/:tenant' });
  if (res.status !== 200) throw new Error(`cannot read the usage of ${tenant}: ${res.status || 'no answer'} ${res.error || ''} ${res.body || ''}`);
  const answer = res.json();
  if (answer.stale) throw new Error(`the usage of ${tenant} is stale: FlagMeter does not vouch for it, so nothing can be judged by it`);
  if (!Number.isSafeInteger(answer.totalTokens)) throw new Error(`the usage of ${tenant} is no whole number below 2^53: ${res.body}`);
  return { tokens: answer.totalTokens, periodStart: answer.periodStart };
}

// begin is for setup. run starts the id of each event, so that no two tests share one.
export function begin() {
  return { run: `${Date.now().toString(36)}${Math.floor(Math.random() * 1e9).toString(36)}`, before: usage() };
}

// add counts what became of a body of events that were sent.
export function add(outcome, events) {
  const tokens = events.reduce((sum, event) => sum + event.tokens, 0);
  switch (outcome) {
    case 'acknowledged':
      acknowledgedEvents.add(events.length);
      acknowledgedTokens.add(tokens);
      missing.add(tokens);
      break;
    case 'refused':
      refusedEvents.add(events.length);
      break;
    default:
      unansweredEvents.add(events.length);
  }
}

// end is for teardown.
export function end({ before }) {
  const after = usage();
  if (after.periodStart !== before.periodStart) {
    throw new Error(`the billing period of ${tenant} has changed during the test, from ${before.periodStart} to ${after.periodStart}: run it again`);
  }
  missing.add(before.tokens - after.tokens);
  judged.add(1);
  console.log(`usage of ${tenant} grew by ${after.tokens - before.tokens} tokens`);
}
