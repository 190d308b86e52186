package scripts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// RevokeKeys notes that API keys were revoked, with a time for each, in whole seconds. When it
// returns, the revocation is in force, and survives as any acknowledged event does.
func (v *Valkey) RevokeKeys(ctx context.Context, keys map[uuid.UUID]time.Time) error {
	members := make([]redis.Z, 0, len(keys))
	for id, at := range keys {
		members = append(members, redis.Z{Member: id.String(), Score: float64(at.Unix())})
	}
	if err := v.rdb.ZAddNX(ctx, revokedKey, members...).Err(); err != nil {
		return fmt.Errorf("note revoked API keys: %w", err)
	}
	return nil
}

// RevokedKeys returns what RevokeKeys has noted and ForgetRevoked has not removed.
func (v *Valkey) RevokedKeys(ctx context.Context) (map[uuid.UUID]time.Time, error) {
	members, err := v.rdb.ZRangeWithScores(ctx, revokedKey, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read revoked API keys: %w", err)
	}
	keys := make(map[uuid.UUID]time.Time, len(members))
	for _, m := range members {
		text, _ := m.Member.(string)
		if id, err := uuid.Parse(text); err == nil { // anything else cannot name a key
			keys[id] = time.Unix(int64(m.Score), 0)
		}
	}
	return keys, nil
}

// ForgetRevoked removes keys whose revocation Postgres has recorded for long enough.
func (v *Valkey) ForgetRevoked(ctx context.Context, ids []uuid.UUID) error {
	members := make([]any, len(ids))
	for i, id := range ids {
		members[i] = id.String()
	}
	if err := v.rdb.ZRem(ctx, revokedKey, members...).Err(); err != nil {
		return fmt.Errorf("forget revoked API keys: %w", err)
	}
	return nil
}
