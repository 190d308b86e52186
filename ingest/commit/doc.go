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
// Each shard has one committer with one call in flight. While the call runs, requests queue up, and
// all queued requests form the next group. An idle server commits at once; a busy one pays for one
// fsync per group. After a group of two or more, the next group waits up to GROUP_LINGER for as
// many requests.
//
// # One key for a request
//
// A request of several events may have an Idempotency-Key. The key is one more id of each of the
// request's submissions, in a separate name space (scripts.RequestKey). The content remembered with
// it is a digest of the whole request (request_key.go). The call that counts the events therefore
// also judges and remembers the key, and every rule for an event's id holds for it:
//
//   - Ingest dies, or the reply is lost: the key is remembered exactly if the events are counted.
//     That is so in each shard; a request that failed in one is completed when it is sent again.
//   - Two requests use one key at a time: the second waits for the next group (group.add), or is
//     answered 503 while the first is staged. The key is in the first part of a staged request, so
//     nothing of a repetition is stored.
//   - A request whose events were all counted before, by their ids, is remembered as well.
//   - Valkey loses the key: see flusher/recovery/requests.go. Postgres has the key and the event's
//     place in the request, since the key stands for no single event.
//
// Records of such events are longer. The same call checks whether the flushers can read them
// (flusher/doc.go, Longer lines).
//
// # Fair shares
//
// Valkey answers no other client while it runs a script, so no call may be long and no client may
// take all of them. A group costs Valkey at most some 8 ms. Requests wait in one queue per shard,
// which serves flows by what they cost (package fair). The flow of a request is its tenant, or its
// API key if the request is about several tenants. So a client with 64 connections and batches of
// 10,000 events delays its own requests. A single event of another tenant waits for the call in
// progress and for the parts of large requests that are stored before it (BenchmarkNeighbour
// measures it). Bodies above 64 kB are also decoded by turn, on all processors but one.
// MAX_IN_FLIGHT bounds the requests in progress for a key and the queued requests of a tenant;
// RATE_GUARD bounds the events of a tenant without a rate.
//
// Large requests enter the pipeline a few at a time, again by turn (package intake). Otherwise, 64
// clients would have 64 requests decoded and waiting for the stagers, most of them until they were
// too late. Each would cost as much as a counted request, and the client would send it again.
// Between two parts the stagers pause while other groups arrive (pace.go).
//
// A request that would cost more than 12 ms in one call is staged. Its records, counters and ids
// are stored in parts of 3 ms, in a raw batch and a sum batch that are not visible yet. One short
// call of ingest.lua then checks its limits and seals both. Until that call nothing of the request
// counts. A crash leaves batches that the next large request deletes, and ids that have no effect
// once the request is given up, after a minute at most. From the call on, both are ordinary
// batches. If the reply to that call is lost, the call is repeated under the same group number, as
// for every group; the committer gives nothing up, because the request may be counted. A request
// that shares an id with a staged one is answered 503 until the staged one is decided.
//
// The cost of a call includes its limits: rates, quotas and new features. The cost of a quota
// depends on the number of hashes in which usage must be looked up: 3, and one more for each minute
// that Postgres is down. Limits that would take more than 3 ms are judged in parts too (see
// Limits).
//
// # Limits
//
//	limiter          limiter.go       which limits hold for a request; refuse what is certain
//	buckets          buckets.go       how full rate limits were when Valkey last said so
//	features         features.go      features that this committer has seen today
//	groupLimits      group_limits.go  the limits of a group, for ingest.lua to judge
//
// ingest.lua judges whether a group keeps within its limits (scripts/limits.lua), in the call that
// counts it, so all ingest processes share every limit. The order is: rates, events seen before,
// quotas, features. A limit is charged only where events are counted.
//
// Judged requests that are not counted are charged to rates too; otherwise a client could keep the
// pipeline busy for free. Refused requests are charged to the rate itself, duplicates to a second
// bucket of the same rate. Each process charges those that it has judged (limiter.go), and refuses
// a request before it reads the body if not even one event would pass.
//
// Processes do not share charges for refusals and duplicates. Each of P processes judges as many of
// a tenant's as its rate allows, so the deployment judges P times as many. Counted events are exact
// nevertheless. P is 1, and 2 during a deployment. This is deliberate. To share the charges, a
// refused call, which only reads today, would have to write and wait for the disk with its group.
// Or the tenant's next counting call would carry them, and a client whose requests are all refused
// never makes one. The saving would be small: a refusal takes 60 µs of Valkey's processor alone,
// and 3 µs in a group of 100. RATE_GUARD is per process for the same reason.
//
// A request that exceeds a limit must neither be counted nor fail its neighbours in the group. So a
// group that contains one is not applied. The script names the requests that exceed a limit,
// judging them in order as if the earlier ones that keep within the limits were counted. Those
// requests are answered, and the rest is sent as a new group with a new number. That costs a round
// trip without fsync. A group that is sent again after a lost reply keeps its number. If the group
// was applied, the script says so and charges nothing. If it was refused, nothing was written or
// answered, so it may be judged again. Hence a group has one outcome, and is charged once.
//
// The limits of a staged request may be too many for the call that counts it: 10,000 tenants with
// rates, quotas and features would take 80,000 commands. judge.lua then judges them in parts of 3
// ms, with all limits of a tenant in one part. It first checks every part, which writes nothing. If
// no part refuses, it takes every part. The quota tokens that it takes are held: until the request
// is counted or given up, held tokens are neither used nor free. Another request that fits only if
// they are free is answered 503, so no request is refused because of tokens that may never be
// counted. The call that counts the request checks by the number of parts that the whole request is
// held, and ends the hold. The judgement is therefore exact for all processes. A hold lives as long
// as the staged request: a crash leaves it for a minute at most. A part may refuse after others
// were taken, if another request was faster in between. The rates taken then stay charged and
// features stay known for 35 days; quotas are given back.
//
//   - Rates are GCRA by Valkey's clock, one for a tenant and one for a key. A request needs room for
//     all its events, including those that turn out to be duplicates, and pays for the counted ones.
//     A refusal is remembered until it may be over, and repeated without a call (buckets.go says why
//     that is exact). A request larger than the burst is answered 413: waiting does not help.
//   - Quotas. Soft mode accepts a request if all of its events but the last leave some of the
//     quota, so that only the last event may cross it and nothing follows. Strict mode accepts a
//     request if all of it fits. A refusal is 402 with the figures. The limit applies to the period
//     that is current when the group is committed. An event counts in the period of its day, so one
//     dated into another period is accepted. An event that was counted before is a duplicate,
//     whatever the quota.
//     A view of Postgres together with Valkey gives the usage; package usage says why that is exact
//     even while Postgres is down. If usage is not known, the view is renewed and the request tried
//     again for up to 2 s; then the answer is 503. That happens in a process that started while
//     Postgres is down, in the first minutes of a period while it is down, and in a process that is
//     cut off from the Postgres that a flusher fills. Other tenants are not affected.
//   - Features. A feature of a tenant counts from its first event until 35 days after the last day
//     on which it was used, in whatever period the events are. The call contains only features that
//     this process has not seen today; two processes together never admit more than the limit. A
//     recovery from lost writes restores the features from usage_daily (flusher/doc.go, step 15).
//
// With SHARDS > 1 a key has a bucket in each shard. A request whose tenants lie in different shards
// is judged shard by shard, as it is counted.
//
// # What a failure costs
//
//   - Ingest dies before the call: no answer was given, nothing is counted.
//   - Ingest dies during or after the call: either all of the events are in Valkey or none;
//     no answer was given. A client that sends ids can repeat safely.
//   - The reply is lost: the committer sends the same group with the same number again, and
//     ingest.lua applies a number once. It keeps trying until a request in the group has waited for
//     5 s; then the answer is 503 and the outcome unknown. The call might still lie in a socket of a
//     stopped Valkey. When Valkey resumes after a later group has been applied, it refuses the old
//     number.
//   - Valkey has lost writes, because its data were replaced by older ones or its append-only file
//     was truncated: the committer finds that Valkey does not know the last group that it confirmed,
//     or that the ledger has a later hand-out. The answer is 503 until a flusher has recovered what
//     is left. The group is not tried again, because an earlier attempt may have reached Postgres.
//   - The API keys are not known yet: 503. The package comment of internal/auth says how a key stays
//     known, and how it ends, while a store is down.
//   - Valkey is full (OOM): nothing is written, 503 with Retry-After at once.
//   - Postgres is down: nothing changes for POST. Tenants are known from memory, or after a restart
//     from their copy in Valkey. Only the usage of tenants whose quota is enforced may be unknown
//     (see Limits). GET says stale after 30 s.
//
// With SHARDS > 1 a request whose tenants lie in different shards is checked as a whole but
// committed shard by shard.
package commit
