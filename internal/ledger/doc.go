// Package ledger owns the ledger, table flushes: a batch that Valkey has handed out is in
// Postgres exactly if its id has a row here, because both are written in one transaction.
//
// An entry also notes the shard's position when the batch was handed out, whose usage it
// changed, and whether everything before it is in Postgres. Who asks for what:
//
//	flusher   claims batches, fences off flushers that slept, finds where a recovery begins
//	usage     which sum batches a snapshot contains, and what is new since the last one
//	audit     enters a repair; finds what was on its way when a backup was made
//	command   compares it with Valkey after a restore or a change of SHARDS
//	backup    its sums, in the manifest
package ledger
