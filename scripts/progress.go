package scripts

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Accepted returns the number of events that all processes have had acknowledged since the shards
// were created. It falls if Valkey loses writes.
func (v *Valkey) Accepted(ctx context.Context) (int64, error) {
	var sum int64
	for shard := range v.shards {
		n, err := v.rdb.Get(ctx, acceptedKey(shard)).Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, fmt.Errorf("read number of accepted events: %w", err)
		}
		sum += n
	}
	return sum, nil
}
