package batch

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Batch is a sealed batch in memory.
type Batch struct {
	scripts.Batch
	Kind string // ledger.Raw or ledger.Sum
	// position is the position of its hand-out.
	position ledger.Position
	// drained reports that this batch is the last of its hand-out, and that with it everything is
	// in Postgres that was over at the hand-out.
	drained bool
	// groups are a raw batch's events as lines of COPY text.
	groups []string
	// Sum is the content of a sum batch.
	Sum scripts.Sum
	// The ledger records Rows, the number of events or rollup rows in the batch, and their Tokens.
	Rows, Tokens int64
	// tenants are the tenants to whose usage a sum batch adds, in order. The unix minutes of its
	// rollups lie between first and last.
	tenants     []string
	first, last int64
}

// Read loads the contents of sealed batches. If another flusher has acknowledged and removed a
// batch meanwhile, it comes back empty or incomplete; it is in the ledger then, and its content is
// not used.
func (w *Writer) Read(ctx context.Context, shard int, sealed scripts.Sealed) ([]*Batch, error) {
	var ids []string
	for _, s := range sealed.Raw {
		ids = append(ids, s.ID)
	}
	groups, err := w.valkey.RawLines(ctx, shard, ids...)
	if err != nil {
		return nil, err
	}
	var batches []*Batch
	for i, s := range sealed.Raw {
		b := &Batch{Batch: s, Kind: ledger.Raw, position: sealed.Position, groups: groups[i]}
		for line := range b.Lines() {
			b.Rows++
			b.Tokens += record.Tokens(line)
		}
		batches = append(batches, b)
	}
	for _, s := range sealed.Sums {
		sum, err := w.valkey.ReadSum(ctx, shard, s.ID)
		if err != nil {
			return nil, err
		}
		b := &Batch{Batch: s, Kind: ledger.Sum, position: sealed.Position,
			Sum: sum, Rows: int64(len(sum.Minutes))}
		tenants := map[string]bool{}
		for key, n := range sum.Days {
			tenants[key.Tenant] = true
			b.Tokens += n[meter.Tokens]
		}
		b.tenants = slices.Sorted(maps.Keys(tenants))
		for key := range sum.Minutes {
			if b.first == 0 || key.Minute < b.first {
				b.first = key.Minute
			}
			b.last = max(b.last, key.Minute)
		}
		batches = append(batches, b)
	}
	if len(batches) > 0 {
		batches[len(batches)-1].drained = !sealed.More
	}
	return batches, nil
}

// entry is the batch's row in the ledger.
func (b *Batch) entry(shard int) ledger.Entry {
	e := ledger.Entry{ID: b.ID, Shard: shard, Kind: b.Kind, Position: b.position,
		Rows: b.Rows, Tokens: b.Tokens, Drained: b.drained}
	if b.Kind == ledger.Sum {
		e.Tenants, e.Minutes = append([]string{}, b.tenants...), &[2]int64{b.first, b.last}
	}
	return e
}

// holds is the result of writing the batch if Postgres accepts all of it.
func (b *Batch) holds() Result {
	if b.Kind == ledger.Raw {
		return Result{Events: b.Rows, Tokens: b.Tokens}
	}
	return Result{Rows: b.Rows}
}

// Lines yields the single events of a raw batch.
func (b *Batch) Lines() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, group := range b.groups {
			for line := range strings.SplitSeq(group, "\n") {
				if !yield(line) {
					return
				}
			}
		}
	}
}
