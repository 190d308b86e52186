// Package scripts is everything the program says to Valkey about events: the Lua
// files, the key names (keys.go, the only place where a key is spelled), the fields of counters
// (counters.go and counters.lua, likewise) and one typed Go function per script.
//
// Each Lua file opens with its contract: keys, arguments, reply, cost. A script
// checks first and writes last, because an error in Lua rolls nothing back. Counts
// travel as decimal strings: a Lua number loses integers above 2^53.
//
// The life of an event in a shard:
//
//	ingest.lua   raw list + counters of its minute (or late hash)     acknowledged
//	seal.lua     raw -> raw:<id>, closed minutes and late -> sum:<id>  immutable
//	(flusher)    COPY and upserts, ledger row <id>                     in Postgres
//	ack.lua      raw:<id> deleted, sum:<id> kept as settled            settled
//	drop.lua     sum:<id> deleted after the grace                      gone
//
// A request too large for one call takes another way in: stage.lua stores it part by part in a
// raw:<id> and a sum:<id> that nobody sees, and ingest.lua seals both when all is there;
// unstage.lua gives it up. If its limits are too many for one call, judge.lua judges and holds them
// part by part in between. No script's time grows with what a tenant has stored before: the
// index of its counters is cut into fields of 2 kB (counting.lua).
//
// A Valkey that comes back without writes it had acknowledged is found out by its
// position and by the numbers of groups. From then on it accepts nothing, until a flusher has taken
// all that is left (rewind.lua), put back the event ids that Postgres knows
// (remember.lua) and moved its position beyond everything before (resume.lua).
//
// Event ids live beside that: ingest.lua and stage.lua remember them for the dedupe window, and
// remember.lua puts them back; seen.lua, which they share, says how.
//
// What the requests of a group may not exceed is judged inside ingest.lua, by limits.lua, and
// what they take is written in the same call: two ingest processes share every limit.
//
// queue.lua tells, at any moment, how much waits and since when, at next to no cost.
//
// usage.lua reads, at any moment, the sum of all counters that the caller does not
// already know from Postgres.
//
// All functions are safe for concurrent use.
package scripts
