// Package retention creates partitions of events and rollups ahead of time, drops those that are no
// longer kept, and deletes ledger entries that no retry can ask for any more. The comment of
// package flusher (What is no longer kept) says why nothing needs the deleted rows.
package retention
