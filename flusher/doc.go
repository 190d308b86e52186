// Package flusher moves events and counters from Valkey to Postgres, once a second,
// so that every acknowledged event counts there exactly once, whatever crashes.
//
// A batch is sealed under an id of its own and never changes again. It is in Postgres
// exactly if its id is in the ledger (table flushes), because the ledger row and the
// batch's contents are written in one transaction. The id is the fence: of two
// flushers that commit the same batch, or one that slept in between, the second finds
// the row and skips the contents. No lease, lock or leader is needed.
//
// The steps are here and in package batch (3 to 7), those of a recovery in package recovery.
// Package retention makes and drops partitions; package backlog measures what waits.
//
// # The steps, and what a crash right after each one costs
//
//  1. Seal: raw events, late events and closed minutes get ids (seal.lua, atomic). The
//     batches wait in Valkey; the next run hands them out first. Nothing lost.
//  2. Durable: WAITAOF until the seal is on Valkey's disk. A Valkey that came back
//     without a seal whose batch is committed would seal its events again under
//     another id, and they would count twice; therefore step 7 never precedes this.
//  3. Read: the batches into memory, at most 8 of each kind. Nothing has changed yet.
//  4. Claim: the ledger rows, in one transaction with 5 and 6. Ids that are there
//     already are skipped. A second flusher with the same id waits here for the
//     first one's end; one that fell asleep inside the transaction loses its session
//     after 5 s (batch/evict.go). A crash rolls back.
//  5. Copy: raw lines into events. A crash rolls back.
//  6. Add: sums into rollups and usage_daily, in key order, so that two flushers
//     cannot deadlock. A crash rolls back.
//  7. Commit, synchronously. A crash, or a lost reply, leaves open whether it
//     happened: the batches still wait in Valkey, the next run tries again with the
//     same ids, and the ledger knows.
//  8. Ack: Valkey deletes the raw batches and marks the sums as settled. A crash leaves
//     them waiting: the next run finds them in the ledger and only acknowledges.
//  9. Drop: settled sums are deleted when this process has known them as settled for
//     usage.Grace, so that no reader needs them any more (package usage has the
//     argument). A crash forgets the age and the grace begins again.
//
// The two batches of a large request are sealed by ingest.lua, at once and the raw one first; from
// step 2 on they are like others (ingest/commit/doc.go, Fair shares).
//
// Step 4 begins with the end of the ledger: if a later hand-out is already committed, the
// transaction is abandoned (batch/fence.go). What it held is in Postgres, or waits in Valkey for
// the next hand-out, or is from before a recovery.
//
// Step 8 tells Valkey how many events have left. Only the published length of the backlog depends
// on that number.
//
// # When Valkey has lost writes
//
// Valkey can come back with an older state: an old append-only file was put back, its
// tail was cut, its volume is empty. Events and counters flushed since would be flushed
// again under new ids, and ids of events are forgotten. It must not be trusted then, so
// every hand-out has a position, the ledger keeps it, and seal.lua compares before it
// seals anything: no batch of a Valkey that is behind the ledger is ever handed out.
// Ingest compares the number of its last confirmed group. The process that finds a
// difference leaves a marker, and nothing is accepted or sealed until a flusher has
// recovered:
//
//  10. Seal all: raw events, late events, every minute (rewind.lua), on Valkey's disk.
//     Nothing is accepted meanwhile, so this and all that follows can be repeated after a
//     crash, or done by two flushers at once.
//  11. Take: in one transaction that no flush and no other recovery overlaps (an
//     advisory lock; if the ledger has gone on since before step 10, it begins anew),
//     all batches that are not in the ledger are entered. Raw events go into events
//     unless they are there by id, or their client id is, or the key and place in their request
//     (recovery/requests.go), within the dedupe window before.
//     Sums are not added: they may be in Postgres under another id. A crash rolls back.
//  12. Rebuild: rollups are made again from events, for the minutes that the sums of
//     step 11 are about, that got events in step 11, or that have events which arrived
//     after the last hand-out that left nothing behind, less 10 minutes: their
//     counters may be lost. usage_daily moves by the difference. A row whose events were
//     all deleted stays. This is right because events have everything that rollups have:
//     sums are handed out only with, or after, the events they count. A crash rolls back.
//  13. Commit, with a ledger row of kind rewind under the marker's id. After a crash the
//     next attempt finds the row and goes on with step 14.
//  14. Ack all batches. They are in the ledger; a crash leaves some for the next attempt.
//  15. Remember: client ids of events that arrived within the dedupe window, and the keys of
//     their requests, are put back from Postgres, for the whole window from now, with a digest
//     that equals every content. So are the features that tenants have lately used, whose number
//     is limited.
//     After a crash it is done again.
//  16. Resume: the position moves by ledger.Epoch beyond every position known, and the
//     marker is gone, in one script. If Valkey forgets that, it is behind the ledger.
//
// All of this needs Postgres: while it is down too, events stay refused.
//
// Lost for good are events that were acknowledged after the last flush before the loss
// and are not in what came back. An alarm says so (flagmeter_flusher_rewinds_total,
// flagmeter_flusher_rewound, and an ERROR). A loss that touches no hand-out in the
// ledger, and no group of an ingest process that is still running, cannot be noticed.
//
// # When Postgres was restored
//
// A restored Postgres is older than Valkey, which nobody can notice: the ledger may lag at any
// time. So the operator says it (`flagmeter restore --adopt`), by a marker of its own kind. Then 10 to
// 16 do what is needed, since they take each waiting batch once and make sums from events: a sum
// of events that are lost is not added. Two things are known to Valkey alone and would be wrong:
//
//	14a. Forget (forget.lua): sums of settled batches, which count as usage unless the ledger has
//	   them; and all event ids, so that lost events can be sent again. Step 15 puts back those
//	   that Postgres has, for one window before the last flush in the backup and everything
//	   since. After a crash both are done again.
//
// Lost are the events that were flushed after the backup, and nothing else.
//
// # When the number of shards was changed
//
// `flagmeter shards set` closes every shard in which nothing waits, by a marker of a third kind, and
// then notes the new number in Valkey (shards.lua). A tenant may lie in another shard now, which
// does not know its event ids. So 10 to 16 are taken with step 14a, and step 15 puts the ids of
// the window back from Postgres, each in its shard. Nothing is lost, and nothing counted again.
//
// # What is no longer kept
//
// Partitions of events and rollups are dropped whole (package retention); usage_daily stays, and so
// do alerts and dead_events, which are few. Nothing younger than meter.LeastRetention goes, whatever
// the settings and this process's clock say: the functions of migration 0010 ask Postgres'.
// Table retention says since when rows are kept, in the transaction that drops them.
//
//   - Recoveries rebuild nothing from days that are gone. A raw event of such a day goes to
//     dead_events: none so old is accepted, so it comes from a Valkey that was put back from long
//     ago, and was most likely counted then. Client ids are put back from events that arrived
//     within the dedupe window, which is 35 days shorter than events are kept.
//   - A drop takes the whole table for the instant of its commit. It waits 250 ms for those who
//     use it, and lets them go on otherwise. A recovery or an audit holds it off.
//
// The ledger keeps its rows for meter.LeastRetention as well, then they are deleted in steps of
// 2,000, some milliseconds each: as many as have come, every hour. Partitions would not do,
// since an id must be unique in the whole ledger. What could ask for an older row?
//
//   - A batch in Valkey, sealed and committed, but not acknowledged. It waits for a flusher
//     and for Postgres, and a run begins with what waits; and the rows of all batches that
//     Valkey holds stay (forget_flushes).
//   - A flusher that slept with a batch in hand. The fence of step 4 turns it away: the row with
//     the largest position of each shard stays, and there are later ones.
//   - A Valkey that was put back from before. It is behind the largest position, so its
//     batches are never flushed: a recovery takes their events by id, and their sums not at all.
//     It goes on from the last drained hand-out, whose row stays.
//   - A committer that sends a group again. It asks Valkey, not the ledger.
//   - A reader that follows n. One that has not looked for usage.Grace begins anew.
//
// # Longer lines
//
// An event of a request with an Idempotency-Key for all of its events has a longer line (package
// record). A flusher of the version before would take it for bad data and put it into dead_events.
// Two things keep that from happening:
//
//   - Postgres refuses such a row in dead_events from a flusher that does not say that it reads
//     longer lines (migration 0018; batch/evict.go says it). The transaction of that flusher fails as if
//     Postgres were down: nothing is changed, the batch waits in Valkey, and its log says why. This
//     holds whatever is running, asleep or put back, since ingest needs that migration to start.
//   - So that nothing gets stuck in this way, ingest accepts such a request only while the
//     flusher that has last handed out or dropped a batch of the shard was one that reads its
//     lines. seal.lua, drop.lua and resume.lua note that together with the position. An older flusher
//     moves the position and leaves the note behind; then ingest answers 503 until a newer one has worked again.
//     With no flusher at all the note stays true. An older flusher that is started behind a newer
//     one may find longer lines, and is stuck until the newer one is back: roll back ingest first
//     (docs/DEPLOY.md).
//
// # What Postgres refuses
//
// A transaction that fails for its data (SQLSTATE class 22 or 23) is repeated batch
// by batch, and a batch that is refused alone is put in by halves between savepoints
// until the rows at fault are found. They go to dead_events with the reason, in the
// same transaction, and are counted. All other failures pass: the batches wait.
package flusher
