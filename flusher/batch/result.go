package batch

// Result counts what was done with batches.
type Result struct {
	Batches int   // batches acknowledged
	Skipped int   // those that were already in the ledger
	Events  int64 // rows copied into events
	Rows    int64 // rollup rows that the batches added to
	Tokens  int64 // tokens of the events
	Dead    int64 // rows that Postgres refused
	Rewinds int   // recoveries from lost writes in Valkey
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
