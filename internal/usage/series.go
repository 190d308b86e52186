package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// SeriesQuery asks for one tenant's usage over time.
type SeriesQuery struct {
	Tenant meter.Tenant
	meter.Intervals
	// Feature restricts it to one feature; nil means all.
	Feature *string
	// Split reports each feature separately.
	Split bool
}

// Series is usage over time, in the order of the intervals asked for.
type Series struct {
	Points []meter.Amounts
	// Features are the tokens of each point by feature, the largest feature first; nil
	// unless they were asked for.
	Features []FeatureSeries
	// AsOf is the instant of the answer, UTC.
	AsOf time.Time
	// Stale means that something acknowledged may be missing.
	Stale bool
}

// FeatureSeries is a feature's part of a series: of tokens only, since a tenant may have a thousand
// features of 3,000 points.
type FeatureSeries struct {
	Feature string
	Tokens  []int64
	Total   int64
}

// NotKeptError says that a series begins before rollups are kept.
type NotKeptError struct{ Since time.Time }

func (e NotKeptError) Error() string {
	return "usage by minute is kept since " + e.Since.Format(time.RFC3339)
}

// Series reads a tenant's usage over time, settled and unsettled; the package comment says why it
// is exact. It returns a NotKeptError rather than a series whose first part was dropped, and an
// error if one of the stores cannot be read.
func (l *Live) Series(ctx context.Context, q SeriesQuery) (Series, error) {
	var settled []store.SeriesUsage
	read := func(
		ctx context.Context, tx *sqlx.Tx, _, _ *view, _ []ledger.SettledBatch) (err error) {
		settled, err = store.SeriesUsages(ctx, tx, store.Series{Tenant: q.Tenant.Name,
			Starts: q.Starts, Days: q.Days, Feature: q.Feature, Split: q.Split})
		return err
	}
	v, err := l.snapshot(ctx, l.view.Load(), read)
	if err != nil {
		return Series{}, err
	}
	if q.Days == nil {
		kept, err := store.KeptSince(ctx, l.db) // after it was read, and not in its snapshot
		if err != nil {
			return Series{}, err
		}
		if q.Starts[0].Before(kept.Rollups) {
			return Series{}, NotKeptError{kept.Rollups}
		}
	}
	unsettled, err := l.valkey.Series(ctx, q.unsettled(v)) // step (iii)
	incomplete := errors.Is(err, scripts.ErrRewound) || errors.Is(err, scripts.ErrManyLate)
	if err != nil && !incomplete {
		return Series{}, fmt.Errorf("read series: %w", err)
	}
	now := l.now()
	s := Series{Points: make([]meter.Amounts, q.Len()), AsOf: now.UTC(),
		Stale: incomplete || now.Sub(v.taken) >= Grace}
	features := map[string]*FeatureSeries{}
	add := func(i int, feature string, n meter.Amounts) {
		s.Points[i] = s.Points[i].Add(n)
		if !q.Split {
			return
		}
		f := features[feature]
		if f == nil {
			f = &FeatureSeries{Feature: feature, Tokens: make([]int64, q.Len())}
			features[feature] = f
		}
		f.Tokens[i] = meter.Add(f.Tokens[i], n[meter.Tokens])
		f.Total = meter.Add(f.Total, n[meter.Tokens])
	}
	for _, n := range settled {
		add(n.Interval, n.Feature, n.Used)
	}
	for _, n := range unsettled {
		if q.Feature == nil || *q.Feature == n.Feature {
			add(q.place(n.At), n.Feature, n.Used)
		}
	}
	for _, f := range features {
		s.Features = append(s.Features, *f)
	}
	slices.SortFunc(s.Features, func(a, b FeatureSeries) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Feature, b.Feature))
	})
	return s, nil
}

// unsettled returns the query for Valkey after a snapshot.
func (q SeriesQuery) unsettled(v *view) scripts.SeriesQuery {
	shard := scripts.ShardOf(q.Tenant.Name, len(v.positions))
	s := scripts.SeriesQuery{
		Tenant: q.Tenant.Name, Settled: v.settled, Position: v.positions[shard]}
	if last := q.Len(); q.Days != nil {
		s.From, s.To = int64(q.Days[0]), int64(q.Days[last])
	} else {
		s.Minutes, s.From, s.To = true, q.Starts[0].Unix()/60, q.Starts[last].Unix()/60
	}
	return s
}

// place is the interval that holds a day or unix minute.
func (q SeriesQuery) place(at int64) int {
	if q.Days != nil {
		return int(at - int64(q.Days[0]))
	}
	return sort.Search(q.Len(), func(i int) bool { return q.Starts[i+1].Unix() > at*60 })
}
