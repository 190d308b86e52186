package scripts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// ErrManyLate reports that more events wait for Postgres than one call may add up.
var ErrManyLate = errors.New("too many events wait to be added up")

// seriesCounters is how many counters a call of Series may read; series.lua describes its cost.
const seriesCounters = 50_000

// SeriesQuery asks for what one tenant has used, by feature and by day or unix minute of a
// half-open range, as far as the caller does not know it from Postgres.
type SeriesQuery struct {
	Tenant   string
	From, To int64
	// Minutes reports that From and To are unix minutes, not days (meter.Day).
	Minutes bool
	// Settled and Position are as in Query.
	Settled  []string
	Position ledger.Position
}

// SeriesCount is a part of a feature's usage in a day or unix minute.
type SeriesCount struct {
	At      int64
	Feature string
	Used    meter.Amounts
}

// Series returns what q asks for, in no order. The same day or minute may come in several parts. It
// reads Valkey at one instant. ErrRewound reports that the counts would not match what the caller
// knows from Postgres, ErrManyLate that they cannot be determined now.
func (v *Valkey) Series(ctx context.Context, q SeriesQuery) ([]SeriesCount, error) {
	shard, what := ShardOf(q.Tenant, v.shards), "days"
	if q.Minutes {
		what = "minutes"
	}
	args := []any{minutePrefix(shard), sumPrefix(shard), what, q.Position,
		q.Tenant, q.From, q.To, seriesCounters}
	for _, id := range q.Settled {
		args = append(args, id)
	}
	cmds, err := v.run(ctx, nil, call{seriesScript, unsettledKeys(shard), args})
	if redis.HasErrorPrefix(err, "LATE") {
		return nil, ErrManyLate
	}
	if err != nil {
		return nil, fmt.Errorf("list unsettled counts: %w", err)
	}
	reply, err := cmds[0].Slice()
	const width = 2 + int(meter.NumAmounts)
	if err != nil || len(reply)%width != 0 {
		return nil, fmt.Errorf("list unsettled counts: a reply of %d parts: %w", len(reply), err)
	}
	counts := make([]SeriesCount, 0, len(reply)/width)
	for row := range slices.Chunk(reply, width) {
		var c SeriesCount
		c.At, _ = row[0].(int64)
		c.Feature, _ = row[1].(string)
		for a := range c.Used {
			if c.Used[a], err = strconv.ParseInt(fmt.Sprint(row[2+a]), 10, 64); err != nil {
				return nil, fmt.Errorf("list unsettled counts: %w", err)
			}
		}
		counts = append(counts, c)
	}
	return counts, nil
}
