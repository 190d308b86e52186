// Package flusher moves events and counters from Valkey to Postgres, once a second,
// so that every acknowledged event counts there exactly once, whatever crashes.
//
// A batch is sealed under an id of its own and never changes again. It is in Postgres
// exactly if its id is in the ledger (table flushes), because the ledger row and the
// batch's contents are written in one transaction. The id is the fence: of two
// flushers that commit the same batch, or one that slept in between, the second finds
// the row and skips the contents. No lease, lock or leader is needed.
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
//     after 5 s (evict.go). A crash rolls back.
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
// # What Postgres refuses
//
// A transaction that fails for its data (SQLSTATE class 22 or 23) is repeated batch
// by batch, and a batch that is refused alone is put in by halves between savepoints
// until the rows at fault are found. They go to dead_events with the reason, in the
// same transaction, and are counted. All other failures pass: the batches wait.
package flusher
