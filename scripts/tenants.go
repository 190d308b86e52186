package scripts

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// SaveTenants stores the copy of the tenants table from which ingest starts while
// Postgres is away.
func (v *Valkey) SaveTenants(ctx context.Context, copy []byte) error {
	if err := v.rdb.Set(ctx, tenantsKey, copy, 0).Err(); err != nil {
		return fmt.Errorf("store copy of tenants: %w", err)
	}
	return nil
}

// LoadTenants returns what SaveTenants stored last, nil if nothing.
func (v *Valkey) LoadTenants(ctx context.Context) ([]byte, error) {
	copy, err := v.rdb.Get(ctx, tenantsKey).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load copy of tenants: %w", err)
	}
	return copy, nil
}
