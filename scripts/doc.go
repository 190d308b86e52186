// Package scripts contains everything the program sends to Valkey about events: the Lua files, the
// key names (only keys.go spells a key), the fields of counters (only counters.go and counters.lua)
// and one typed Go function per script.
//
// Each Lua file opens with its contract: keys, arguments, reply, cost. A script checks first and
// writes last, because an error in Lua rolls nothing back. Counts travel as decimal strings: a Lua
// number loses integers above 2^53.
//
// The life of an event in a shard:
//
//	ingest.lua   raw list + counters of its minute (or late hash)     acknowledged
//	seal.lua     raw -> raw:<id>, closed minutes and late -> sum:<id>  immutable
//	(flusher)    COPY and upserts, ledger row <id>                     in Postgres
//	ack.lua      raw:<id> deleted, sum:<id> kept as settled            settled
//	drop.lua     sum:<id> deleted after the grace period               gone
//
// A request too large for one call takes another way in: stage.lua stores it part by part in a
// raw:<id> and a sum:<id> that no reader sees, and ingest.lua seals both when the request is
// complete; unstage.lua gives it up. If its limits are too many for one call, judge.lua judges and
// holds them part by part in between. No script's time grows with what a tenant has stored before:
// the index of its counters is cut into fields of 2 kB (counting.lua).
//
// The position and the numbers of groups reveal a Valkey that comes back without writes it had
// acknowledged. From then on it accepts nothing, until a flusher has taken all that is left
// (rewind.lua), put back the event ids that Postgres knows (remember.lua) and moved its position
// beyond every earlier one (resume.lua).
//
// Event ids are stored separately: ingest.lua and stage.lua remember them for the dedupe window,
// and remember.lua puts them back. All three include seen.lua, which describes how.
//
// limits.lua, inside ingest.lua, judges the limits of the requests of a group. The same call writes
// what the requests take, so ingest processes share every limit.
//
// queue.lua reports at any moment how much waits and since when, at almost no cost.
//
// usage.lua reads at any moment the sum of all counters that the caller does not already know from
// Postgres.
//
// All functions are safe for concurrent use.
package scripts
