// Package commit counts events in Valkey, or says why it does not. It knows nothing of HTTP: its
// refusals are errors (refusal.go), which package problem turns into answers.
//
//	Committers   committers.go   count a request, and wait for the outcome
//	Request      request.go      the events of one request, divided among the shards
//	submission   submission.go   one request's events for one shard: COPY lines, counters, ids
//	queue        queue.go        whose turn it is, by what each flow costs (cost.go)
//	stage        stage.go        large requests are stored part by part before
//	judge        judge.go        and judged part by part, if they have many limits
//	group        group.go        the submissions of concurrent requests in one call
//	committer    committer.go    makes the groups of a shard
//	attempt      attempt.go      one call of ingest.lua a group, and what follows from its outcome
//	send         send.go         a call until its outcome is known
//
// A request that is counted is on Valkey's disk (appendfsync always).
//
// # Group commit
//
// Each shard has one committer with one call in flight. While it waits, requests
// queue up, and all that have queued up make the next group: an idle server commits at
// once, a busy one pays for one fsync a group. Behind a group of two or more the next one waits, up
// to GROUP_LINGER, for as many.
//
// # One key for a request
//
// A request of several events may have an Idempotency-Key. It is one more id of each of its
// submissions, in a name space of its own (scripts.RequestKey), and what it was sent for is all that
// the request holds (request_key.go). So it is judged and remembered in the call that counts the
// events, and whatever holds for an event's id holds for it:
//
//   - Ingest dies, or the reply is lost: the key is remembered exactly if the events are counted.
//     That is so in each shard; a request that failed in one is completed when it is sent again.
//   - Two requests with a key at a time: the second waits for the next group (group.add), or
//     is answered 503 while the first is staged. The first part of a staged request has the key,
//     so nothing of a repetition is stored.
//   - A request whose events were all counted before, by their ids, is remembered as well.
//   - Valkey loses it: flusher/recovery/requests.go. Postgres has the key and the event's place in the
//     request, since the key stands for no single event.
//
// Lines of such events are longer. Whether a flusher reads them is asked in the same call
// (flusher/doc.go, Longer lines).
//
// # Fair shares
//
// While Valkey runs a script it answers nobody else, so no call may be long and nobody may have
// all of them. A group costs Valkey some 8 ms at most. Requests wait in a queue a shard that
// serves flows by what they cost (package fair); the flow of a request is its tenant, or its API
// key if it is about several tenants. So a client with 64 connections and batches of 10,000
// events delays its own requests; a single event of another tenant waits for the call in progress
// and what was stored of large requests before it (BenchmarkNeighbour measures it). Bodies above
// 64 kB are decoded by turn as well, on all processors but one. MAX_IN_FLIGHT bounds the requests
// of a key in hand, and those of a tenant in the queue; RATE_GUARD the events of a tenant without a
// rate.
//
// Large requests enter the pipeline a few at a time, again by turn (package intake). Without that, 64
// clients had 64 requests decoded and waiting for the stagers, most of them until they were too
// late: each cost what a counted one costs, and was sent again. Between two parts the stagers rest
// while groups of others come (pace.go).
//
// A request that would cost more than 12 ms in one call is staged: its lines, counters and ids are
// stored in parts of 3 ms, in a raw batch and a sum batch that nobody sees, and one short call
// of ingest.lua checks its limits and seals both. Until then nothing of it counts: a crash
// leaves batches that the next large request deletes, and ids that count for nothing once the
// request is given up, at the latest after a minute. From then on both are batches like any
// other. If the reply to that call is lost, it is repeated under the same group number, as every
// group is; nothing is given up then, since it may be counted. A request whose id is in a
// staged one is answered 503 until that is decided.
//
// The cost of a call contains its limits: rates, quotas by the number of hashes in which usage must
// be looked up (3, and one more for each minute that Postgres is away), and new features. Limits
// that would take more than 3 ms are judged in parts too (see Limits).
//
// # Limits
//
//	limiter          limiter.go       which limits hold for a request; refuse what is certain
//	buckets          buckets.go       how full rate limits were when Valkey last said so
//	features         features.go      features that this committer has seen today
//	groupLimits      group_limits.go  the limits of a group, for ingest.lua to judge
//
// Whether a group keeps within its limits is judged inside ingest.lua (scripts/limits.lua), in
// the call that counts it, so all ingest processes share every limit. The order is: rates, events
// seen before, quotas, features, and a limit is charged there only where events are counted.
//
// What is judged and not counted weighs on rates too, or a client could keep all busy for
// nothing: refused requests on the rate itself, duplicates on a second bucket of the same rate.
// Each process charges those that it has judged (limiter.go), and refuses a request before it
// reads the body if not even one event would pass.
//
// Processes do not share what they charge for refusals and duplicates: of P processes each judges as
// many of a tenant's as its rate allows, so the deployment judges P times as many. What is counted
// is exact all the same; P is 1, and 2 during a deployment. The decision is to leave it so. To share
// it, a refused call would have to write, and wait for the disk with its group, where now it is a read;
// or the next counting call of the tenant would carry it, which a client whose requests are all
// refused never makes. What that saves is small: a refusal takes 60 µs of Valkey's processor alone,
// and 3 µs in a group of 100. RATE_GUARD is of each process for the same reason.
//
// A request that exceeds a limit must not fail its neighbours in the group, nor be counted. So
// a group with one is not applied: the script names the requests, in their order as if
// those before that keep within the limits were counted; they are answered, and the rest is
// sent as a new group with a new number. That costs a round trip without fsync. A group that
// is sent again after a lost reply has the same number: if it was applied, the script says
// so and charges nothing; if it was refused, nothing was written or answered, so it may be
// judged anew. Hence a group has one outcome, and is charged once.
//
// The limits of a staged request may be too many for the call that counts it: 10,000 tenants with
// rates, quotas and features would take 80,000 commands. Then judge.lua judges them in parts of
// 3 ms, each tenant's in one: it looks at every part, which writes nothing, and takes every part if
// none refuses. What it takes of quotas it holds: until the request is counted or given up, held tokens
// are neither used nor free. Another request that fits only if they are free is answered 503, so
// nobody is refused for what may not be counted. The call that counts the request finds by the
// number of parts that all of it is held, and ends the hold, so the judgement is exact for all
// processes. Holds live as long as what is staged: a crash leaves them for a minute at most. If a
// part refuses after others were taken, because another request was faster in between, the rates
// that were taken stay charged, and features stay known for 35 days; quotas are given back.
//
//   - Rates are GCRA by Valkey's clock, a tenant's and a key's. A request needs room for all
//     its events, also those that turn out to be duplicates, and pays for those counted. A refusal
//     is remembered until it may be over, and given without a call (buckets.go says why that is
//     exact). A request larger than the burst is answered 413: waiting does not help.
//   - Quotas. Soft: a request is accepted if all of its events but the last leave some of the
//     quota, so that the last event may cross it and nothing comes after. Strict: if all of
//     it fits. The answer is 402 with the figures. Enforced is the period that is current when
//     the group is committed; an event counts in the period of its day, so one dated into
//     another period is accepted. An event that was counted before is a duplicate, whatever
//     the quota.
//     What is used is told by a view of Postgres and Valkey; package usage says why that is
//     exact also while Postgres is away. If it cannot be told, the view is renewed and the
//     request tried again for up to 2 s; then the answer is 503: a process that started
//     while Postgres is away, or the first minutes of a period while it is, or a process that is cut
//     off from the Postgres which a flusher fills. Others are not concerned.
//   - Features. A feature of a tenant counts from its first event until 35 days after the
//     last day on which it was used, in whatever period the events are. Only features that a
//     process has not seen today are in the call; two processes never have more than the limit
//     together. A recovery from lost writes puts them back from usage_daily (flusher/doc.go, step 15).
//
// With SHARDS > 1 a key has a bucket in each shard, and a request whose tenants lie in
// different shards is judged shard by shard, as it is counted.
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
//   - The API keys are not known yet: 503. How a key stays known, and how it ends, while a store
//     is away is in the package comment of internal/auth.
//   - Valkey is full (OOM): nothing is written, 503 with Retry-After at once.
//   - Postgres is away: nothing changes for POST. Tenants are known from memory, or from
//     their copy in Valkey after a restart; only of tenants whose quota is enforced it may not
//     be known what they have used (see Limits). GET says stale after 30 s.
//
// With SHARDS > 1 a request whose tenants lie in different shards is checked as a
// whole but committed shard by shard.
package commit
