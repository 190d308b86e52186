package scripts

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/record"
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
		all.add(q)
	}
	return all, nil
}

// add adds another shard's.
func (q *Queue) add(other Queue) {
	q.Events += other.Events
	q.OpenMinutes += other.OpenMinutes
	q.SealedRaw += other.SealedRaw
	q.SealedSums += other.SealedSums
	if q.Oldest.IsZero() || !other.Oldest.IsZero() && other.Oldest.Before(q.Oldest) {
		q.Oldest = other.Oldest
	}
}

// head is the raw batch of a shard that waits longest, and when its first event arrived. A
// batch never changes, so while it waits, for an hour perhaps, it is looked into once.
type head struct {
	batch   string
	arrived time.Time
}

func (v *Valkey) queue(ctx context.Context, shard int) (q Queue, err error) {
	known := head{}
	if h := v.heads[shard].Load(); h != nil {
		known = *h
	}
	keys := []string{rawKey(shard), minutesKey(shard), sealedRawKey(shard), sealedSumKey(shard), acceptedKey(shard), flushedKey(shard)}
	cmds, err := v.run(ctx, nil, call{queueScript, keys, []any{rawPrefix(shard), known.batch, record.IDSize}})
	if err != nil {
		return q, err
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply) != 6 {
		return q, fmt.Errorf("a reply of %d parts: %w", len(reply), err)
	}
	for i, count := range []*int64{&q.Events, &q.OpenMinutes, &q.SealedRaw, &q.SealedSums} {
		*count, _ = reply[i].(int64)
	}
	batch, _ := reply[4].(string)
	oldest, _ := reply[5].(string)
	switch {
	case oldest != "":
		at, ok := record.Arrival(oldest)
		if !ok {
			return q, fmt.Errorf("the oldest event has the id %q", oldest)
		}
		q.Oldest = at.UTC()
		if batch != "" {
			v.heads[shard].Store(&head{batch, q.Oldest})
		}
	case batch != "" && batch == known.batch:
		q.Oldest = known.arrived
	}
	return q, nil
}
