// Package ingest is the HTTP API: it accepts events and answers what has been used.
//
// # The way of an event
//
//	POST /events     post.go        read the body, find the tenants, answer
//	decode           decode.go      strict JSON to meter.Event, or a precise problem
//	submission       submission.go  one request's events: COPY lines, sums, ids
//	group            group.go       the submissions of concurrent requests in one
//	committer        committer.go   one call of ingest.lua a group
//
// An answer 200 means that Valkey has the events on disk (appendfsync always).
//
// # Group commit
//
// Each shard has one committer with one call in flight. While it waits, requests
// queue up, and all that have queued up make the next group: an idle server commits at
// once, a busy one pays for one fsync a group. Only behind a group of eight or more the
// next one waits, up to 2 ms, for the clients that were just answered to come back.
//
// # The way of a question
//
//	query            query.go       parameters, or a problem that names each wrong one
//	sheet, row       row.go         all tenants at one time (usage.Overview)
//	page             list.go        sort, search, cursor
//	series           series.go      one tenant over time (usage.Series)
//	table            csv.go         the same as CSV; events_csv.go streams raw events
//	tag              etag.go        304 for figures that have not changed
//	feeds            feed.go        GET /live: one state a second for each distinct query
//	frame            change.go      what a client has not been told yet
//
// Every request goes through the observer of package httpd, which numbers, counts, times and logs
// it; metrics.go has what the write path publishes, top.go the largest tenants.
//
// openapi.yaml describes every route; a test holds the answers against it.
//
// # What a failure costs
//
//   - Ingest dies before the call: no answer was given, nothing is counted.
//   - Ingest dies during or after the call: the events are in Valkey or not, wholly;
//     no answer was given. A client that sends ids can repeat safely.
//   - The reply is lost: the committer sends the same group with the same number
//     again, and ingest.lua applies a number once. It keeps trying until a request in
//     the group has waited for 5 s; then the answer is 503 and the outcome unknown.
//     The call might still lie in a socket of a stopped Valkey: when that wakes up
//     after a later group has been applied, the old number is refused.
//   - Valkey has lost writes, because its data were replaced by older ones or its
//     append-only file was cut: the committer finds that Valkey does not know the last
//     group it had confirmed, or the ledger a later hand-out. 503 until a flusher has
//     recovered what is left; the group is not tried again, because an earlier attempt may
//     have reached Postgres.
//   - Valkey is full (OOM): nothing is written, 503 with Retry-After at once.
//   - Postgres is away: nothing changes for POST. Tenants are known from memory, or from
//     their copy in Valkey after a restart. GET says stale after 30 s.
//
// With SHARDS > 1 a request whose tenants lie in different shards is checked as a
// whole but committed shard by shard.
package ingest
