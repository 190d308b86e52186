package scripts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Copy is a copy of a table in Valkey, with which a process can start and work while Postgres is
// down.
type Copy struct {
	rdb       redis.UniversalClient
	key, what string
	field     string // of the hash; see digestField
}

// TenantsCopy returns the copy of the tenants table.
func (v *Valkey) TenantsCopy() Copy { return Copy{v.rdb, tenantsKey, "tenants", "copy"} }

// TenantNamesCopy returns the copy of the tenants' names. The previous version does not use it and
// leaves it unchanged.
func (v *Valkey) TenantNamesCopy() Copy {
	return Copy{v.rdb, tenantsKey, "names of tenants", "names"}
}

// PricesCopy returns the copy of the prices and of the names of models.
func (v *Valkey) PricesCopy() Copy { return Copy{v.rdb, tenantsKey, "prices", "prices"} }

// KeysCopy returns the copy of the live API keys.
func (v *Valkey) KeysCopy() Copy { return Copy{v.rdb, keysKey, "API keys", "copy"} }

// digestField returns the field of the copy's digest. That of "copy" had its name before there were
// others.
func (c Copy) digestField() string {
	if c.field == "copy" {
		return "digest"
	}
	return c.field + "digest"
}

// Save stores the copy.
func (c Copy) Save(ctx context.Context, copy []byte) error {
	err := c.rdb.HSet(ctx, c.key, c.field, copy, c.digestField(), digest(copy)).Err()
	if err != nil {
		return fmt.Errorf("store copy of %s: %w", c.what, err)
	}
	return nil
}

// Has reports whether copy is what Save stored last and Valkey still has it.
func (c Copy) Has(ctx context.Context, copy []byte) (bool, error) {
	stored, err := c.rdb.HGet(ctx, c.key, c.digestField()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("look for copy of %s: %w", c.what, err)
	}
	return stored == digest(copy), nil
}

// Renew stores the copy unless Valkey has it.
func (c Copy) Renew(ctx context.Context, copy []byte) error {
	has, err := c.Has(ctx, copy)
	if err != nil || has {
		return err
	}
	return c.Save(ctx, copy)
}

func digest(copy []byte) string {
	sum := sha256.Sum256(copy)
	return hex.EncodeToString(sum[:])
}

// Load returns what Save stored last, or nil if nothing is stored.
func (c Copy) Load(ctx context.Context) ([]byte, error) {
	copy, err := c.rdb.HGet(ctx, c.key, c.field).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load copy of %s: %w", c.what, err)
	}
	return copy, nil
}
