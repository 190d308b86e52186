package scripts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// SaveTenants stores the copy of the tenants table from which ingest starts while
// Postgres is away.
func (v *Valkey) SaveTenants(ctx context.Context, copy []byte) error {
	if err := v.rdb.HSet(ctx, tenantsKey, "copy", copy, "digest", digest(copy)).Err(); err != nil {
		return fmt.Errorf("store copy of tenants: %w", err)
	}
	return nil
}

// HasTenants reports whether SaveTenants stored copy last and Valkey still has it.
func (v *Valkey) HasTenants(ctx context.Context, copy []byte) (bool, error) {
	stored, err := v.rdb.HGet(ctx, tenantsKey, "digest").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("look for copy of tenants: %w", err)
	}
	return stored == digest(copy), nil
}

func digest(copy []byte) string {
	sum := sha256.Sum256(copy)
	return hex.EncodeToString(sum[:])
}

// LoadTenants returns what SaveTenants stored last, nil if nothing.
func (v *Valkey) LoadTenants(ctx context.Context) ([]byte, error) {
	copy, err := v.rdb.HGet(ctx, tenantsKey, "copy").Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load copy of tenants: %w", err)
	}
	return copy, nil
}
