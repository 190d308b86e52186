// Package batch writes sealed batches into Postgres: steps 3 to 7 of package flusher. A batch's
// contents and its entry in the ledger are written in one transaction, which a later hand-out or a
// recovery turns away (fence.go).
package batch
