package scripts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Queue is what waits in Valkey for Postgres.
type Queue struct {
	// Events are the raw events: open, or in sealed batches that are not acknowledged yet.
	Events int64
	// OpenMinutes are the minutes that have a hash of counters, the current one among them.
	OpenMinutes int64
	// SealedRaw and SealedSums are the batches handed out or about to be.
	SealedRaw, SealedSums int64
	// Oldest is when the oldest of Events arrived, by the clock of the ingest that took it, to
	// the millisecond; zero if none waits. Every event acknowledged before that is in
	// Postgres; if none waits, all that were acknowledged before the call are.
	Oldest time.Time
}

// Queue looks at all shards, at each of them at one instant. It does not need Postgres, nor a
// flusher, and changes nothing.
func (v *Valkey) Queue(ctx context.Context) (Queue, error) {
	var all Queue
	for shard := range v.shards {
		q, err := v.queue(ctx, shard)
		if err != nil {
			return Queue{}, fmt.Errorf("look at the queue: %w", err)
		}
		all.Events += q.Events
		all.OpenMinutes += q.OpenMinutes
		all.SealedRaw += q.SealedRaw
		all.SealedSums += q.SealedSums
		if all.Oldest.IsZero() || !q.Oldest.IsZero() && q.Oldest.Before(all.Oldest) {
			all.Oldest = q.Oldest
		}
	}
	return all, nil
}

func (v *Valkey) queue(ctx context.Context, shard int) (q Queue, err error) {
	keys := []string{rawKey(shard), minutesKey(shard), sealedRawKey(shard), sealedSumKey(shard), acceptedKey(shard), flushedKey(shard)}
	cmds, err := v.run(ctx, nil, call{queueScript, keys, []any{rawPrefix(shard)}})
	if err != nil {
		return q, err
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply) != 5 {
		return q, fmt.Errorf("a reply of %d parts: %w", len(reply), err)
	}
	for i, count := range []*int64{&q.Events, &q.OpenMinutes, &q.SealedRaw, &q.SealedSums} {
		*count, _ = reply[i].(int64)
	}
	text, _ := reply[4].(string)
	if text == "" {
		return q, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return q, fmt.Errorf("read the id of the oldest event: %w", err)
	}
	seconds, nanos := id.Time().UnixTime()
	q.Oldest = time.Unix(seconds, nanos).UTC()
	return q, nil
}
