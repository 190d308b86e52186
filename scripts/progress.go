package scripts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// Accepted is the number of events that all processes have had acknowledged since the shards
// exist. It falls if Valkey loses writes.
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

// OldestRaw is when the oldest raw event that is not known to be in Postgres arrived, by the
// clock of the ingest that took it. Every event acknowledged before that is in Postgres. ok
// is false if none waits: then all that were acknowledged before the call are in Postgres.
func (v *Valkey) OldestRaw(ctx context.Context) (oldest time.Time, ok bool, err error) {
	for shard := range v.shards {
		at, waits, err := v.oldestRaw(ctx, shard)
		if err != nil {
			return time.Time{}, false, err
		}
		if waits && (!ok || at.Before(oldest)) {
			oldest, ok = at, true
		}
	}
	return oldest, ok, nil
}

// oldestRaw is OldestRaw of one shard. Groups are in the order of their acknowledgement, in
// the open list as in the batches, which were sealed before it.
func (v *Valkey) oldestRaw(ctx context.Context, shard int) (time.Time, bool, error) {
	for {
		// Open before sealed: a list that is sealed between the two reads is in both.
		group, err := v.rdb.LIndex(ctx, rawKey(shard), 0).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return time.Time{}, false, fmt.Errorf("read oldest open event: %w", err)
		}
		ids, err := v.rdb.ZRange(ctx, sealedRawKey(shard), 0, 0).Result()
		if err != nil {
			return time.Time{}, false, fmt.Errorf("read oldest raw batch: %w", err)
		}
		if len(ids) > 0 {
			group, err = v.rdb.LIndex(ctx, rawPrefix(shard)+ids[0], 0).Result()
			if errors.Is(err, redis.Nil) {
				continue // it has been acknowledged meanwhile
			}
			if err != nil {
				return time.Time{}, false, fmt.Errorf("read oldest sealed event: %w", err)
			}
		}
		if group == "" {
			return time.Time{}, false, nil
		}
		text, _, _ := strings.Cut(group, "\t")
		id, err := uuid.Parse(text)
		if err != nil {
			return time.Time{}, false, fmt.Errorf("read oldest event: %w", err)
		}
		seconds, nanos := id.Time().UnixTime()
		return time.Unix(seconds, nanos).UTC(), true, nil
	}
}
