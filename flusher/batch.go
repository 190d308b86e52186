package flusher

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

// batch is a sealed batch in memory.
type batch struct {
	scripts.Batch
	kind string // ledger.Raw or ledger.Sum
	// position is that of the hand-out it came with.
	position ledger.Position
	// drained says that with this batch, the last of its hand-out, everything is in
	// Postgres that was over when it was handed out.
	drained bool
	// groups are a raw batch's events as lines of COPY text.
	groups []string
	// sum is a sum batch's content.
	sum scripts.Sum
	// rows and tokens are what the ledger notes: how many events or rollup rows the
	// batch holds, and their tokens.
	rows, tokens int64
	// tenants are those a sum batch adds usage to, in order; the unix minutes of its rollups
	// lie between first and last.
	tenants     []string
	first, last int64
}

// read loads the content of sealed batches. A batch that another flusher has
// acknowledged and removed meanwhile comes back empty or in part; it is in the
// ledger then, and its content is not used.
func (f *Flusher) read(ctx context.Context, shard int, sealed scripts.Sealed) ([]*batch, error) {
	var ids []string
	for _, s := range sealed.Raw {
		ids = append(ids, s.ID)
	}
	groups, err := f.valkey.RawLines(ctx, shard, ids...)
	if err != nil {
		return nil, err
	}
	var batches []*batch
	for i, s := range sealed.Raw {
		b := &batch{Batch: s, kind: ledger.Raw, position: sealed.Position, groups: groups[i]}
		for line := range b.lines() {
			b.rows++
			b.tokens += record.Tokens(line)
		}
		batches = append(batches, b)
	}
	for _, s := range sealed.Sums {
		sum, err := f.valkey.ReadSum(ctx, shard, s.ID)
		if err != nil {
			return nil, err
		}
		b := &batch{Batch: s, kind: ledger.Sum, position: sealed.Position, sum: sum, rows: int64(len(sum.Minutes))}
		tenants := map[string]bool{}
		for key, n := range sum.Days {
			tenants[key.Tenant] = true
			b.tokens += n[meter.Tokens]
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

// entry is the ledger's row for the batch.
func (b *batch) entry(shard int) ledger.Entry {
	e := ledger.Entry{ID: b.ID, Shard: shard, Kind: b.kind, Position: b.position,
		Rows: b.rows, Tokens: b.tokens, Drained: b.drained}
	if b.kind == ledger.Sum {
		e.Tenants, e.Minutes = append([]string{}, b.tenants...), &[2]int64{b.first, b.last}
	}
	return e
}

// holds is the result of writing the batch if Postgres takes all of it.
func (b *batch) holds() Result {
	if b.kind == ledger.Raw {
		return Result{Events: b.rows, Tokens: b.tokens}
	}
	return Result{Rows: b.rows}
}

// lines are the single events of a raw batch.
func (b *batch) lines() func(yield func(string) bool) {
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
