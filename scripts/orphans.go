package scripts

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// OrphanShards returns what waits in shards that this number of shards does not have: SHARDS was
// larger when it was accepted, and no flusher with the present number will fetch it. It only reads.
func (v *Valkey) OrphanShards(ctx context.Context) (Queue, error) {
	wide := New(v.rdb, ledger.MaxShards)
	cmds := make([]*redis.IntCmd, ledger.MaxShards)
	_, err := v.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for shard := v.shards; shard < ledger.MaxShards; shard++ {
			cmds[shard] = pipe.Exists(ctx, rawKey(shard), sealedRawKey(shard),
				sealedSumKey(shard), minutesKey(shard))
		}
		return nil
	})
	if err != nil {
		return Queue{}, fmt.Errorf("look for other shards: %w", err)
	}
	var all Queue
	for shard := v.shards; shard < ledger.MaxShards; shard++ {
		if cmds[shard].Val() == 0 {
			continue
		}
		q, err := wide.queue(ctx, shard)
		if err != nil {
			return Queue{}, fmt.Errorf("read the queue of shard %d: %w", shard, err)
		}
		all.add(q)
	}
	return all, nil
}

// Rewinds returns the markers of lost writes that no flusher has recovered from yet, by shard: when
// and why a process noticed the loss, in its words. It only reads.
func (v *Valkey) Rewinds(ctx context.Context) (map[int]string, error) {
	notes := map[int]string{}
	for shard := range v.shards {
		note, err := v.rdb.Get(ctx, rewoundKey(shard)).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for lost writes: %w", err)
		}
		notes[shard] = note
	}
	return notes, nil
}
