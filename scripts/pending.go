package scripts

import (
	"context"
	"fmt"
	"strconv"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// EachRaw passes the raw events that Valkey holds to use, in parts of at most a few MiB, as groups
// of COPY lines. It passes every event that was acknowledged to its client before the call, unless
// the event was in Postgres when its batch was read. It may pass an event twice.
func (v *Valkey) EachRaw(ctx context.Context, use func(groups []string)) error {
	for shard := range v.shards {
		// Open before sealed: events that are sealed between the two reads appear in both.
		open, err := v.rdb.LRange(ctx, rawKey(shard), 0, -1).Result()
		if err != nil {
			return fmt.Errorf("read open raw events: %w", err)
		}
		use(open)
		ids, err := v.rdb.ZRange(ctx, sealedRawKey(shard), 0, -1).Result()
		if err != nil {
			return fmt.Errorf("list raw batches: %w", err)
		}
		for _, id := range ids {
			groups, err := v.RawLines(ctx, shard, id)
			if err != nil {
				return err
			}
			use(groups[0])
		}
	}
	return nil
}

// EachCounted passes every row of rollups that a counter in Valkey stands for to use, some more
// than once. It passes each counter that Valkey held when the call began, whichever hash it is in
// by then. A counter that was settled before may have been dropped.
func (v *Valkey) EachCounted(ctx context.Context, use func(MinuteKey)) error {
	for shard := range v.shards {
		// Open, then waiting, then settled: a counter moves in this order, so one that moves during
		// the reads appears later.
		minutes, err := v.rdb.ZRange(ctx, minutesKey(shard), 0, -1).Result()
		if err != nil {
			return fmt.Errorf("list open minutes: %w", err)
		}
		for _, m := range minutes {
			minute, err := strconv.ParseInt(m, 10, 64)
			if err != nil {
				return fmt.Errorf("list open minutes: %w", err)
			}
			if err := v.eachCounted(ctx, minutePrefix(shard)+m, minute, use); err != nil {
				return err
			}
		}
		if err := v.eachCounted(ctx, lateKey(shard), 0, use); err != nil {
			return err
		}
		for _, batches := range []string{sealedSumKey(shard), settledKey(shard)} {
			ids, err := v.rdb.ZRange(ctx, batches, 0, -1).Result()
			if err != nil {
				return fmt.Errorf("list sum batches: %w", err)
			}
			for _, id := range ids {
				if err := v.eachCounted(ctx, sumPrefix(shard)+id, 0, use); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// eachCounted passes the rows of one hash, which are of the given minute. If minute is 0, late
// counters and batches name their minutes. It reads in steps of 2,000 fields, as ReadSum does. It
// returns every field that exists throughout, even if the hash grows.
func (v *Valkey) eachCounted(
	ctx context.Context, key string, minute int64, use func(MinuteKey),
) error {
	var byDay []MinuteKey
	scan := v.rdb.HScan(ctx, key, 0, "", 2000).Iterator()
	for scan.Next(ctx) {
		name := scan.Val()
		if !scan.Next(ctx) {
			break
		}
		if name == string(kindMinute) {
			m, err := strconv.ParseInt(scan.Val(), 10, 64)
			if err != nil {
				return fmt.Errorf("read counters: field %q: %w", name, err)
			}
			minute = m
			continue
		}
		f, counts, err := parseField(name)
		if err != nil {
			return fmt.Errorf("read counters: %w", err)
		}
		if !counts || kinds[f.kind].amount != meter.Events {
			continue // each row has a field of events and one for each other amount
		}
		row := MinuteKey{Tenant: f.tenant, Feature: f.feature}
		if kinds[f.kind].scope == ofDay {
			byDay = append(byDay, row)
			continue
		}
		row.Minute = f.at
		use(row)
	}
	if err := scan.Err(); err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	if minute == 0 { // late counters: the fields by minute name their rows
		return nil
	}
	for _, row := range byDay {
		row.Minute = minute
		use(row)
	}
	return nil
}
