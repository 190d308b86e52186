package batch

// Result is what was done with batches.
type Result struct {
	Batches int   // batches acknowledged
	Skipped int   // batches among them that were in the ledger already
	Events  int64 // rows copied into events
	Rows    int64 // rollup rows added to
	Tokens  int64 // tokens of the events
	Dead    int64 // rows that Postgres refused
	Rewinds int   // recoveries from a loss of writes in Valkey
}

// Add adds o to r.
func (r *Result) Add(o Result) {
	r.Batches += o.Batches
	r.Skipped += o.Skipped
	r.Events += o.Events
	r.Rows += o.Rows
	r.Tokens += o.Tokens
	r.Dead += o.Dead
	r.Rewinds += o.Rewinds
}
