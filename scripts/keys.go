package scripts

import (
	"hash/fnv"
	"strconv"
)

// Every key of a shard starts with fm:{<shard>}:, so all share one slot of a Valkey Cluster. Tabs
// separate the parts of fields; no name can contain one.

// ShardOf returns the shard, 0 to shards-1, that holds all keys of a tenant.
func ShardOf(tenant string, shards int) int {
	if shards <= 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(tenant))
	return int(h.Sum32() % uint32(shards))
}

func prefix(shard int) string { return "fm:{" + strconv.Itoa(shard) + "}:" }

// rawKey (list) holds raw events that are not yet sealed. An element is one group, as lines of COPY
// text.
func rawKey(shard int) string { return prefix(shard) + "raw" }

// rawBytesKey (integer) is the size of the raw list's elements, in bytes.
func rawBytesKey(shard int) string { return prefix(shard) + "rawbytes" }

// minutePrefix + unix minute (hash) holds the counters of an open minute; counters.go describes
// their fields.
func minutePrefix(shard int) string { return prefix(shard) + "minute:" }

// minutesKey (zset) holds the open minutes: member and score are the unix minute.
func minutesKey(shard int) string { return prefix(shard) + "minutes" }

// lateKey (hash) holds the counters of events older than two minutes. A backfill of 35 days must
// not open 50,000 hashes, so this one has the counters of all such minutes, by day and by minute.
func lateKey(shard int) string { return prefix(shard) + "late" }

// sealedRawKey and sealedSumKey (zsets) hold the batches that wait for Postgres: member id, score
// the number in the order of sealing.
func sealedRawKey(shard int) string { return prefix(shard) + "sealed:raw" }
func sealedSumKey(shard int) string { return prefix(shard) + "sealed:sum" }

// stagedKey (zset) holds the pairs of batches in which large requests are being stored: member
// "<raw id> <sum id>", score the ms when that began. No reader sees such a batch until it is
// sealed.
func stagedKey(shard int) string { return prefix(shard) + "staged" }

// requestPrefix + token (string, TTL) is the state of a large request: "open" or "counted".
func requestPrefix(shard int) string { return prefix(shard) + "request:" }

// judgedKey (hash, TTL) holds the judgements of a large request (judge.lua). holdingKey (zset)
// holds the tokens of the requests that hold a part of a quota.
func judgedKey(shard int, token string) string { return requestPrefix(shard) + token + ":judged" }
func holdingKey(shard int) string              { return prefix(shard) + "holding" }

// settledKey (zset) holds the sum batches that are in Postgres and are kept for a while for readers
// whose view of Postgres is older: member id, score as above.
func settledKey(shard int) string { return prefix(shard) + "settled" }

// rawPrefix + batch id (list) and sumPrefix + batch id (hash) are sealed, immutable batches. A sum
// made from one minute names it in the field "m". The sum of one large request, which has the
// fields of late events, has 0 there.
func rawPrefix(shard int) string { return prefix(shard) + "raw:" }
func sumPrefix(shard int) string { return prefix(shard) + "sum:" }

// groupKey (integer, TTL) is the number of the last group that a committer applied. It makes a
// repeated or delayed call harmless.
func groupKey(shard int, committer string) string { return prefix(shard) + "group:" + committer }

// slicesKey (list) lists the slices of time in which event ids are remembered, newest first:
// "<number> <start> <buckets> <ids>", with start in ms.
func slicesKey(shard int) string { return prefix(shard) + "slices" }

// seenPrefix + slice + ":" + bucket in hex (hash, TTL) holds remembered event ids. The field is a
// part of the id's fingerprint. The value is the digest of the content that it was sent with,
// followed by the token of a large request if it came in one. An id takes 26 bytes with everything
// that belongs to it:
//
//	go test ./scripts -run '^$' -bench Memory -benchtime 1x
func seenPrefix(shard int) string { return prefix(shard) + "seen:" }

// seqKey (integer) counts hand-outs of batches to a flusher, and drops. It is at least what the
// ledger, a view or a process knows of it; if it is smaller, Valkey has lost writes. A recovery
// from that moves it by ledger.Epoch.
func seqKey(shard int) string { return prefix(shard) + "seq" }

// readsKey (string) is "<seq> <form>": the position at which a flusher that reads lines of that
// form (record.Form) has left the shard. An earlier flusher version does not write it. While it
// names the present seq, no such flusher has handed out or dropped anything since.
func readsKey(shard int) string { return prefix(shard) + "reads" }

// acceptedKey (integer) counts the events acknowledged since the shard was created. Its growth is
// the rate of all processes together. Nothing else may rely on it.
func acceptedKey(shard int) string { return prefix(shard) + "accepted" }

// flushedKey (integer) is how many of the accepted events have left Valkey for Postgres; the
// difference waits as raw events. It is exact from the first hand-out on. If a flusher of an
// earlier version also worked, it is exact again whenever nothing waits. Nothing else may rely on
// it.
func flushedKey(shard int) string { return prefix(shard) + "flushed" }

// ratePrefix + "t:" + tenant, or + "k:" + id of an API key (string, TTL), is the bucket of a rate
// limit (limits.lua).
func ratePrefix(shard int) string { return prefix(shard) + "rate:" }

// featuresPrefix + tenant (hash, TTL) holds the features that a tenant has lately used. The field
// is the feature; the value is the UTC day on which it was last new to an ingest process.
func featuresPrefix(shard int) string { return prefix(shard) + "features:" }

// droppedKey (integer) is the largest number of a sum batch that was dropped.
func droppedKey(shard int) string { return prefix(shard) + "dropped" }

// orderKey (integer) numbers the batches in the order of sealing.
func orderKey(shard int) string { return prefix(shard) + "order" }

// rewoundKey (string) exists from when a process notices that Valkey has lost writes until a
// flusher has recovered: "<uuid v7> <largest position known> <what was noticed>".
func rewoundKey(shard int) string { return prefix(shard) + "rewound" }

// changedKey (zset) holds the tenants whose usage has grown: member tenant, score the value of look
// at that time. A reader that remembers its last value finds the new ones.
func changedKey(shard int) string { return prefix(shard) + "changed" }

// lookKey (integer) counts the reads of changed that found something.
func lookKey(shard int) string { return prefix(shard) + "look" }

// durableKey (string, TTL) is written to measure when Valkey has a write on disk.
func durableKey(shard int) string { return prefix(shard) + "durable" }

// tenantsKey (hash) is a copy of the tenants table as JSON (field "copy") with its SHA-256
// ("digest"), so that ingest can start and work while Postgres is down. The fields "names" and
// "namesdigest" are the same for the tenants' other names, "prices" and "pricesdigest" for prices.
// It belongs to no shard.
const tenantsKey = "fm:tenants"

// keysKey (hash) is the same for the API keys: their hashes, and what each key permits. It belongs
// to no shard.
const keysKey = "fm:keys"

// revokedKey (zset) holds the API keys that were revoked: member id, score the unix second. A key
// stays until Postgres has recorded its revocation for a day. It belongs to no shard.
const revokedKey = "fm:keys:revoked"

// shardsKey (integer) is the number of shards by which the state is placed. It belongs to no shard.
// Versions before it was introduced do without it.
const shardsKey = "fm:shards"
