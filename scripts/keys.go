package scripts

import (
	"hash/fnv"
	"strconv"
)

// Every key of a shard starts with fm:{<shard>}: and so shares one slot of a Valkey
// Cluster. Parts of fields are separated by a tab, which no name can contain.

// ShardOf is the shard, 0 to shards-1, that holds all of a tenant's keys.
func ShardOf(tenant string, shards int) int {
	if shards <= 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(tenant))
	return int(h.Sum32() % uint32(shards))
}

func prefix(shard int) string { return "fm:{" + strconv.Itoa(shard) + "}:" }

// rawKey (list) holds raw events not yet sealed: an element is one group, as lines
// of COPY text.
func rawKey(shard int) string { return prefix(shard) + "raw" }

// rawBytesKey (integer) is the size of the raw list's elements, in bytes.
func rawBytesKey(shard int) string { return prefix(shard) + "rawbytes" }

// minutePrefix + unix minute (hash) are the counters of an open minute; counters.go says which
// fields they have.
func minutePrefix(shard int) string { return prefix(shard) + "minute:" }

// minutesKey (zset) are the open minutes: member and score are the unix minute.
func minutesKey(shard int) string { return prefix(shard) + "minutes" }

// lateKey (hash) are the counters of events older than two minutes. A backfill of 35 days must not
// open 50,000 hashes, so it has the counters of all minutes, by day and by minute.
func lateKey(shard int) string { return prefix(shard) + "late" }

// sealedRawKey and sealedSumKey (zsets) are the batches that wait for Postgres:
// member id, score its number in order of sealing.
func sealedRawKey(shard int) string { return prefix(shard) + "sealed:raw" }
func sealedSumKey(shard int) string { return prefix(shard) + "sealed:sum" }

// stagedKey (zset) are the pairs of batches that large requests are being stored in: member
// "<raw id> <sum id>", score the ms when that began. Nobody reads such a batch until it is sealed.
func stagedKey(shard int) string { return prefix(shard) + "staged" }

// requestPrefix + token (string, TTL) is what became of a large request: "open" or "counted".
func requestPrefix(shard int) string { return prefix(shard) + "request:" }

// judgedKey (hash, TTL) is what a large request was judged for, see judge.lua, and holdingKey
// (zset) the tokens of those that hold something of a quota.
func judgedKey(shard int, token string) string { return requestPrefix(shard) + token + ":judged" }
func holdingKey(shard int) string              { return prefix(shard) + "holding" }

// settledKey (zset) are the sum batches that are in Postgres and are kept a while
// for readers whose view of Postgres is older: member id, score as above.
func settledKey(shard int) string { return prefix(shard) + "settled" }

// rawPrefix + batch id (list) and sumPrefix + batch id (hash) are sealed, immutable
// batches. A sum made from one minute names it in the field "m"; that of one large request,
// whose fields are those of late events, has 0 there.
func rawPrefix(shard int) string { return prefix(shard) + "raw:" }
func sumPrefix(shard int) string { return prefix(shard) + "sum:" }

// groupKey (integer, TTL) is the number of the last group that a committer applied:
// it makes a repeated or delayed call harmless.
func groupKey(shard int, committer string) string { return prefix(shard) + "group:" + committer }

// slicesKey (list) are the slices of time in which event ids are remembered, newest
// first: "<number> <start> <buckets> <ids>", with start in ms.
func slicesKey(shard int) string { return prefix(shard) + "slices" }

// seenPrefix + slice + ":" + bucket in hex (hash, TTL) are remembered event ids: the field is
// a part of the id's fingerprint, the value the digest of what it was sent for, and the token of
// a large request behind it. An id takes 26 bytes with all that belongs to it:
//
//	go test ./scripts -run '^$' -bench Memory -benchtime 1x
func seenPrefix(shard int) string { return prefix(shard) + "seen:" }

// seqKey (integer) numbers the hand-outs of batches to a flusher, and drops. What the
// ledger, a view or a process knows of it, it has reached: if it is smaller, Valkey has
// lost writes. A recovery from that moves it by ledger.Epoch.
func seqKey(shard int) string { return prefix(shard) + "seq" }

// readsKey (string) is "<seq> <form>": the position at which a flusher that reads lines of that
// form (record.Form) has left the shard. While seq holds it, no flusher of an earlier version, which
// notes nothing, has handed out or dropped anything since.
func readsKey(shard int) string { return prefix(shard) + "reads" }

// acceptedKey (integer) counts the events that were acknowledged since the shard exists: how
// fast it grows is the rate of all processes together. Nothing else may rely on it.
func acceptedKey(shard int) string { return prefix(shard) + "accepted" }

// flushedKey (integer) is how many of the accepted events have left Valkey for Postgres: the
// difference waits as raw events. It is exact from the first hand-out on, and again whenever
// nothing waits, should a flusher of an earlier version have worked beside. Nothing else may
// rely on it.
func flushedKey(shard int) string { return prefix(shard) + "flushed" }

// ratePrefix + "t:" tenant or "k:" id of an API key (string, TTL) is the bucket of a rate
// limit, see limits.lua.
func ratePrefix(shard int) string { return prefix(shard) + "rate:" }

// featuresPrefix + tenant (hash, TTL) are the features that a tenant has lately used: the
// field is the feature, the value the UTC day on which it was last new to an ingest process.
func featuresPrefix(shard int) string { return prefix(shard) + "features:" }

// droppedKey (integer) is the largest order of a sum batch that was dropped.
func droppedKey(shard int) string { return prefix(shard) + "dropped" }

// orderKey (integer) numbers the batches in the order in which they are sealed.
func orderKey(shard int) string { return prefix(shard) + "order" }

// rewoundKey (string) exists from when somebody has noticed that Valkey has lost writes
// until a flusher has dealt with it: "<uuid v7> <largest position known> <what was noticed>".
func rewoundKey(shard int) string { return prefix(shard) + "rewound" }

// changedKey (zset) are the tenants whose usage has grown: member tenant, score the look at
// which that happened. A reader that remembers its last look finds those that are new.
func changedKey(shard int) string { return prefix(shard) + "changed" }

// lookKey (integer) numbers the looks at changed that found something.
func lookKey(shard int) string { return prefix(shard) + "look" }

// durableKey (string, TTL) is written to see when Valkey has a write on disk.
func durableKey(shard int) string { return prefix(shard) + "durable" }

// tenantsKey (hash) is a copy of the tenants table as JSON (field "copy") with its
// SHA-256 ("digest"), so that ingest can start and work while Postgres is away. The fields
// "names" and "namesdigest" are the same for their other names, "prices" and "pricesdigest" for
// prices. It belongs to no shard.
const tenantsKey = "fm:tenants"

// keysKey (hash) is the same for the API keys: their hashes, and what each may do. It
// belongs to no shard.
const keysKey = "fm:keys"

// revokedKey (zset) are the API keys that were revoked: member id, score the unix second.
// One stays until Postgres has known of it for a day. It belongs to no shard.
const revokedKey = "fm:keys:revoked"

// shardsKey (integer) is the number of shards by which the state is placed. It belongs to no
// shard. Versions before it was noted do without.
const shardsKey = "fm:shards"
