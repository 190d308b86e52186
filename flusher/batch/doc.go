// Package batch writes sealed batches into Postgres: steps 3 to 7 of package flusher. One
// transaction writes a batch's contents and its entry in the ledger. It fails if a later hand-out
// or a recovery is already committed (fence.go).
package batch
