// Package flusher moves events and counters from Valkey to Postgres once a second. Every
// acknowledged event counts in Postgres exactly once, whatever crashes.
//
// A sealed batch has an id and never changes again. It is in Postgres exactly if its id is in the
// ledger (table flushes), because one transaction writes the ledger row and the batch's contents.
// The id is the fence: if two flushers commit the same batch, or one of them slept in between, the
// second finds the row and skips the contents. No lease, lock or leader is needed.
//
// The steps are here and in package batch (3 to 7). Package recovery has those of a recovery.
// Package retention creates and drops partitions. Package backlog measures what waits.
//
// # The steps, and what a crash right after each one costs
//
//  1. Seal: raw events, late events and closed minutes get ids (seal.lua, atomic). The batches wait
//     in Valkey, and the next run hands them out first. Nothing is lost.
//  2. Durable: WAITAOF, until the seal is on Valkey's disk. This step always precedes step 7.
//     Otherwise Valkey could come back without the seal of a committed batch, seal its events again
//     under another id, and they would count twice.
//  3. Read: the batches into memory, at most 8 of each kind. Nothing has changed yet.
//  4. Claim: the ledger rows, in one transaction with 5 and 6. Ids that are already there are
//     skipped. A second flusher with the same id waits here until the first one's transaction ends;
//     a flusher that falls asleep inside the transaction loses its session after 5 s
//     (batch/evict.go). A crash rolls back.
//  5. Copy: raw lines into events. A crash rolls back.
//  6. Add: sums into rollups and usage_daily, in key order, so that two flushers cannot deadlock. A
//     crash rolls back.
//  7. Commit, synchronously. After a crash or a lost reply it is unknown whether the commit
//     happened. The batches still wait in Valkey, the next run tries again with the same ids, and
//     the ledger decides.
//  8. Ack: Valkey deletes the raw batches and marks the sums as settled. A crash leaves them
//     waiting: the next run finds them in the ledger and only acknowledges them.
//  9. Drop: settled sums are deleted once this process has known them as settled for usage.Grace.
//     No reader needs them then (package usage has the argument). A crash forgets the age, and the
//     grace period starts again.
//
// ingest.lua seals the two batches of a large request together, the raw one first. From step 2 on
// they are like others (ingest/commit/doc.go, Fair shares).
//
// Step 4 begins with a check of the end of the ledger: if a later hand-out is already committed,
// the transaction is abandoned (batch/fence.go). Its batches are in Postgres, or wait in Valkey for
// the next hand-out, or are from before a recovery.
//
// Step 8 also reports to Valkey how many events have left. Only the published length of the backlog
// depends on that number.
//
// # When Valkey has lost writes
//
// Valkey can come back with an older state: someone restored an old append-only file, its tail was
// cut, or its volume is empty. Valkey would then hand out events and counters that were flushed
// since, under new ids, and event ids would be forgotten. Such a Valkey must not be trusted. Every
// hand-out therefore has a position, the ledger keeps it, and seal.lua compares the two before it
// seals anything: a Valkey that is behind the ledger never hands out a batch. Ingest compares the
// number of its last confirmed group. The process that finds a difference leaves a marker. From
// then on nothing is accepted or sealed until a flusher has recovered:
//
//  10. Seal all: raw events, late events and every minute (rewind.lua), onto Valkey's disk. Nothing
//     is accepted meanwhile, so this step and all that follow can be repeated after a crash, or
//     done by two flushers at once.
//  11. Take: one transaction enters all batches that are not in the ledger. An advisory lock keeps
//     flushes and other recoveries out; if the ledger has moved since before step 10, the recovery
//     starts again. Raw events go into events, unless Postgres already has their id, or, within
//     the dedupe window before, their client id or their request's key and their place in it
//     (recovery/requests.go). Sums are not added: Postgres may have them under another id. A crash
//     rolls back.
//  12. Rebuild: rollups are recomputed from events, for the minutes that the sums of step 11 cover
//     and those that got events in step 11. So are the minutes of events that arrived after the
//     last hand-out that left nothing behind, less 10 minutes: their counters may be lost.
//     usage_daily changes by the difference. A row whose events were all deleted stays. This is
//     right because events contain everything that rollups have: sums are handed out only with, or
//     after, the events that they count. A crash rolls back.
//  13. Commit, with a ledger row of kind rewind under the marker's id. After a crash the next
//     attempt finds the row and goes on with step 14.
//  14. Ack all batches. They are in the ledger; a crash leaves some for the next attempt.
//  15. Remember: the client ids of events that arrived within the dedupe window, and the keys of
//     their requests, are put back from Postgres. They are kept for a whole window from now, with
//     a digest that matches every content. The features that tenants have lately used are put back
//     too, because their number is limited. After a crash this is done again.
//  16. Resume: one script moves the position by ledger.Epoch beyond every known position and
//     removes the marker. If Valkey forgets that, it is behind the ledger.
//
// All of this needs Postgres: while Postgres is down too, events stay refused.
//
// Events are lost for good if they were acknowledged after the last flush before the loss and are
// not in the state that came back. An alarm reports that (flagmeter_flusher_rewinds_total,
// flagmeter_flusher_rewound, and an ERROR). A loss goes unnoticed only if it affects no hand-out in
// the ledger and no group of an ingest process that is still running.
//
// # When Postgres was restored
//
// A restored Postgres is older than Valkey. No process can detect that, because the ledger may lag
// at any time. The operator therefore says so (`flagmeter restore --adopt`), which leaves a marker
// of another kind. Steps 10 to 16 then do what is needed: they take each waiting batch once and
// compute sums from events, so a sum of lost events is not added. Valkey alone knows two things,
// which would now be wrong:
//
//	14a. Forget (forget.lua): the sums of settled batches, which count as usage unless the ledger
//	   has them; and all event ids, so that clients can send lost events again. Step 15 puts back
//	   the ids that Postgres has, for one window before the last flush in the backup and
//	   everything since. After a crash both are done again.
//
// Only the events that were flushed after the backup are lost.
//
// # When the number of shards was changed
//
// `flagmeter shards set` closes every shard in which nothing waits, with a marker of a third kind,
// and then notes the new number in Valkey (shards.lua). A tenant may now lie in another shard,
// which does not know its event ids. Steps 10 to 16 run with step 14a, and step 15 puts the ids of
// the window back from Postgres, each into its shard. Nothing is lost or counted twice.
//
// # What is no longer kept
//
// Partitions of events and rollups are dropped whole (package retention). usage_daily stays, and so
// do alerts and dead_events, which are few. Rows younger than meter.LeastRetention are never
// dropped, whatever the settings and this process's clock say: the functions of migration 0010 use
// Postgres' clock. The transaction that drops rows records in table retention since when rows are
// kept.
//
//   - Recoveries rebuild nothing from dropped days. A raw event of such a day goes to dead_events:
//     ingest accepts none so old, so it comes from a Valkey that was restored from long ago, and
//     was most likely counted then. Client ids are put back from events that arrived within the
//     dedupe window, which is 35 days shorter than events are kept.
//   - A drop locks the whole table for the instant of its commit. It waits 250 ms for the table's
//     users, then lets them go on and tries again later. A recovery or an audit holds it off.
//
// The ledger also keeps its rows for meter.LeastRetention. Then they are deleted every hour, as
// many as have come, in steps of 2,000 that take some milliseconds each. Partitions are not
// possible, because an id must be unique in the whole ledger. What could still ask for an older
// row?
//
//   - A batch in Valkey, sealed and committed but not acknowledged. It waits for a flusher and for
//     Postgres, and a run begins with what waits. The rows of all batches that Valkey holds stay
//     (forget_flushes).
//   - A flusher that slept with a batch in hand. The fence of step 4 rejects it: the row with the
//     largest position of each shard stays, and there are later ones.
//   - A Valkey that was restored from before. It is behind the largest position, so its batches are
//     never flushed: a recovery takes their events by id and does not take their sums. The recovery
//     goes on from the last drained hand-out, whose row stays.
//   - A committer that sends a group again. It asks Valkey, not the ledger.
//   - A reader that follows n. If it has not read for usage.Grace, it starts again.
//
// # Longer lines
//
// An event of a request with one Idempotency-Key for all of its events has a longer line (package
// record). A flusher of the previous version would treat such a line as bad data and put it into
// dead_events. Two rules prevent that:
//
//   - Postgres refuses such a row in dead_events unless the flusher declares that it reads longer
//     lines (migration 0018; batch/evict.go declares it). The older flusher's transaction then
//     fails as if Postgres were down: nothing changes, the batch waits in Valkey, and its log says
//     why. This holds whichever flusher is running, asleep or restarted, because ingest needs that
//     migration to start.
//   - To keep a batch from getting stuck this way, ingest accepts such a request only if the
//     flusher that last handed out or dropped a batch of the shard reads its lines. seal.lua,
//     drop.lua and resume.lua note that together with the position. An older flusher moves the
//     position but not the note; ingest then answers 503 until a newer one has worked again. While
//     no flusher runs, the note stays true. If an older flusher is started after a newer one, it
//     may find longer lines and gets stuck until the newer one is back: roll back ingest first
//     (docs/DEPLOY.md).
//
// # What Postgres refuses
//
// If a transaction fails because of its data (SQLSTATE class 22 or 23), the flusher repeats it
// batch by batch. It bisects a batch that is refused alone, between savepoints, until it finds the
// rows at fault. The same transaction writes them to dead_events with the reason, and they are
// counted. All other failures are temporary: the batches wait.
package flusher
