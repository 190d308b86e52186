package scripts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Copy is a table that Valkey holds a copy of, so that a process can start and work while
// Postgres is away.
type Copy struct {
	rdb       redis.UniversalClient
	key, what string
	field     string // of the hash; its digest is in the field with "digest" behind
}

// TenantsCopy is the copy of the tenants table.
func (v *Valkey) TenantsCopy() Copy { return Copy{v.rdb, tenantsKey, "tenants", "copy"} }

// TenantNamesCopy is the copy of what names tenants have, which the version before has no use
// for and leaves alone.
func (v *Valkey) TenantNamesCopy() Copy { return Copy{v.rdb, tenantsKey, "names of tenants", "names"} }

// PricesCopy is the copy of the prices and of the names of models.
func (v *Valkey) PricesCopy() Copy { return Copy{v.rdb, tenantsKey, "prices", "prices"} }

// KeysCopy is the copy of the live API keys.
func (v *Valkey) KeysCopy() Copy { return Copy{v.rdb, keysKey, "API keys", "copy"} }

// digestField is where the digest of a copy is: that of "copy" has had its name before others.
func (c Copy) digestField() string {
	if c.field == "copy" {
		return "digest"
	}
	return c.field + "digest"
}

// Save stores the copy.
func (c Copy) Save(ctx context.Context, copy []byte) error {
	if err := c.rdb.HSet(ctx, c.key, c.field, copy, c.digestField(), digest(copy)).Err(); err != nil {
		return fmt.Errorf("store copy of %s: %w", c.what, err)
	}
	return nil
}

// Has reports whether Save stored copy last and Valkey still has it.
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

// Load returns what Save stored last, nil if nothing.
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
