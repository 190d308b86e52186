// Package torture proves the promise of the pipeline: every acknowledged event counts,
// exactly once, whatever crashes.
//
// It has tests only. They run the real program, built with the tag failpoint, as separate
// processes: two ingests, two flushers and an alerter, on a Valkey that syncs every write
// and a Postgres of their own. The ingests reach the stores through one pair of
// proxies (front), the others through a second (back), so that replies can be lost.
//
//	clients ──▶ ingest ×2 ── front ──┬─▶ Valkey
//	   │                              └─▶ Postgres ◀─┐
//	journal       flusher ×2, alerter ── back ───────┘ ──▶ a stand-in for Slack
//
// Clients post singles, batches, and backfills too large for one call of ingest.lua, now, seconds
// back and hours back. Most give each event
// an id and repeat it until it is acknowledged; some give none and never repeat. The
// journal notes what was acknowledged and what was left unknown. Meanwhile a nemesis
// injects faults (files fault_*.go), in an order that its seed fixes, and a watcher,
// the only client of its tenant, compares GET /usage of both ingests with what it has had
// acknowledged, after each event: every answer that is not stale must be that.
//
// # What is checked at the end
//
// When all faults are healed and a flusher whose clock is a month ahead has closed the last
// minutes:
//
//   - every acknowledged event is in events, with its content, once;
//   - what was not acknowledged is in events at most once, and nothing else is;
//   - events, rollups and usage_daily agree by tenant, feature and minute or day, and with
//     GET /usage/:tenant of both ingests, before and after the last minutes are closed;
//   - each crossing of a threshold in a billing period has one alert, which reached Slack,
//     there is no other alert, and no message was sent more often than it was attempted;
//   - no batch is left in Valkey, and dead_events is empty.
//
// Some faults have consequences of their own, and expect them: a loss of writes under load
// may take what was acknowledged after the last flush, no more, and must be reported; while
// a clock is off, timestamps are refused that it shows in the future or too long ago.
//
// # How to run it
//
//	go test ./test/torture                              a cut of 45 s, and one fault alone
//	make torture DURATION=10m SEED=7                        all faults, mixed
//	go test ./test/torture -run 'TestFault/valkey-kill' one fault alone
//	go test ./test/torture -run TestFault -args -all    each fault alone
//
// The same seed gives the same faults in the same order. What they hit is up to the machine.
//
// Nothing is left behind: the roles are in one process group, whose leader kills it when the
// test's end of a pipe is closed, also by the test's death; package stack does the same for
// the stores.
package torture
