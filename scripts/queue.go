package scripts

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/record"
)

// Queue describes what waits in Valkey for Postgres.
type Queue struct {
	// Events is the number of raw events that are open, or in sealed batches that are not
	// acknowledged yet.
	Events int64
	// OpenMinutes is the number of minutes that have a hash of counters, including the current one.
	OpenMinutes int64
	// SealedRaw and SealedSums are the numbers of batches that are handed out or about to be.
	SealedRaw, SealedSums int64
	// Oldest is when the oldest of Events arrived, by the clock of the ingest that accepted it, to
	// the millisecond; zero if none waits. Every event acknowledged before that is in Postgres; if
	// none waits, all events acknowledged before the call are.
	Oldest time.Time
}

// Queue reads all shards, each of them at one instant. It needs neither Postgres nor a flusher, and
// changes nothing.
func (v *Valkey) Queue(ctx context.Context) (Queue, error) {
	var all Queue
	for shard := range v.shards {
		q, err := v.queue(ctx, shard)
		if err != nil {
			return Queue{}, fmt.Errorf("read the queue: %w", err)
		}
		all.add(q)
	}
	return all, nil
}

// add adds the queue of another shard.
func (q *Queue) add(other Queue) {
	q.Events += other.Events
	q.OpenMinutes += other.OpenMinutes
	q.SealedRaw += other.SealedRaw
	q.SealedSums += other.SealedSums
	if q.Oldest.IsZero() || !other.Oldest.IsZero() && other.Oldest.Before(q.Oldest) {
		q.Oldest = other.Oldest
	}
}

// head is the raw batch of a shard that has waited longest, and when its first event arrived. A
// batch never changes, so it is read only once while it waits, even if that takes an hour.
type head struct {
	batch   string
	arrived time.Time
}

func (v *Valkey) queue(ctx context.Context, shard int) (q Queue, err error) {
	known := head{}
	if h := v.heads[shard].Load(); h != nil {
		known = *h
	}
	keys := []string{rawKey(shard), minutesKey(shard), sealedRawKey(shard), sealedSumKey(shard),
		acceptedKey(shard), flushedKey(shard)}
	args := []any{rawPrefix(shard), known.batch, record.IDSize}
	cmds, err := v.run(ctx, nil, call{queueScript, keys, args})
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
