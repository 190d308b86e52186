package scripts

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

// Ping reports whether Valkey answers.
func (v *Valkey) Ping(ctx context.Context) error {
	if err := v.rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping valkey: %w", err)
	}
	return nil
}

// Server returns what Valkey reports about itself.
func (v *Valkey) Server(ctx context.Context) (valkey.Server, error) {
	return valkey.ReadServer(ctx, v.rdb)
}

// DurableNodes measures each server that holds a shard (valkey.Measure).
func (v *Valkey) DurableNodes(ctx context.Context) ([]valkey.Durable, error) {
	var all []valkey.Durable
	seen := map[string]bool{}
	for shard := range v.shards {
		bound, err := v.node(ctx, shard)
		if err != nil {
			return all, err
		}
		client, ok := bound.rdb.(*redis.Client)
		if !ok {
			return all, fmt.Errorf("measure how valkey syncs: a client of type %T", bound.rdb)
		}
		address := client.Options().Addr
		if seen[address] {
			continue
		}
		seen[address] = true
		one, err := valkey.Measure(ctx, client, durableKey(shard))
		if err != nil {
			return all, fmt.Errorf("measure how valkey syncs: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}
