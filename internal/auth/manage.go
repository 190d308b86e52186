package auth

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// storeLimit bounds the attempt to write a revocation to a store.
const storeLimit = 3 * time.Second

// NewKey says what key to create.
type NewKey struct {
	Scope  string // one of Scopes, or several with spaces between
	Tenant string // "": all tenants
	Name   string // for people, at most 128 characters
	// Rate limits the events sent with the key; zero: only its tenant's rate does.
	Rate meter.Rate
	// Expires is when the key ends; zero: never.
	Expires time.Time
	// Maker is the key that makes it; the zero UUID: none.
	Maker uuid.UUID
	// OpenMode says that it is made while no credential is required. It ends when one is: see
	// store.APIKey.
	OpenMode bool
	// Limits bound the number of keys; zero means no limit.
	Limits store.KeyLimits
}

// Create stores a new key and returns it; the key cannot be retrieved again. It is in force within
// two seconds. Create returns store.ErrNoTenant if there is no such tenant, store.ErrMakerRevoked
// if the key that makes it is revoked, and a *store.KeyLimitError if there are too many keys.
func Create(
	ctx context.Context, db *sqlx.DB, k NewKey, now time.Time,
) (key string, stored store.APIKey, err error) {
	scope, err := ParseScopes(k.Scope)
	if err != nil {
		return "", stored, fmt.Errorf("scope %w", err)
	}
	names := scope.Names()
	key = newKey(names[0])
	private, err := sessionKey(key)
	if err != nil {
		return "", stored, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", stored, fmt.Errorf("make an id: %w", err)
	}
	hash := Hash(key)
	stored = store.APIKey{
		ID: id, Hash: hash[:], SessionKey: private.Public().(ed25519.PublicKey), Name: k.Name,
		Scope: names[0], MoreScopes: names[1:],
		CreatedBy: uuid.NullUUID{UUID: k.Maker, Valid: k.Maker != uuid.Nil}, OpenMode: k.OpenMode,
		Tenant:    sql.NullString{String: k.Tenant, Valid: k.Tenant != ""},
		CreatedAt: now.UTC().Truncate(time.Microsecond),
		ExpiresAt: sql.NullTime{Time: k.Expires.UTC().Truncate(time.Microsecond),
			Valid: !k.Expires.IsZero()},
	}
	stored.SetRate(k.Rate)
	if err := store.AddAPIKey(ctx, db, stored, k.Limits); err != nil {
		return "", store.APIKey{}, err
	}
	return key, stored, nil
}

// Revoke ends a key within two seconds, for ever. One store is enough: a process of the API passes
// Valkey's revocations on to Postgres when Postgres is back. pending is the error of the store that
// does not know yet; err is set if neither store does.
func Revoke(
	ctx context.Context, db *sqlx.DB, valkey *scripts.Valkey, id uuid.UUID, now time.Time,
) (pending, err error) {
	limited, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	inValkey := valkey.RevokeKeys(limited, map[uuid.UUID]time.Time{id: now})
	inPostgres := within(ctx, func(ctx context.Context) error {
		return store.RevokeAPIKeys(ctx, db, []uuid.UUID{id}, []time.Time{now})
	})
	if inValkey != nil && inPostgres != nil {
		return nil, errors.Join(inValkey, inPostgres)
	}
	return errors.Join(inValkey, inPostgres), nil
}

// Find returns the id of a key, given as id or key, from Postgres or, while that is down, from the
// copy in Valkey. It returns store.ErrNoKey if there is none.
func Find(
	ctx context.Context, db *sqlx.DB, valkey *scripts.Valkey, text string,
) (uuid.UUID, error) {
	var hash []byte
	id, err := uuid.Parse(text)
	if err != nil {
		if !IsKey(text) {
			return id, errors.New("neither the id of an API key nor a key")
		}
		sum := Hash(text)
		hash = sum[:]
	}
	var found store.APIKey
	err = within(ctx, func(ctx context.Context) (err error) {
		found, err = store.FindAPIKey(ctx, db, id, hash)
		return err
	})
	if err == nil || errors.Is(err, store.ErrNoKey) {
		return found.ID, err
	}
	copy, copyErr := valkey.KeysCopy().Load(ctx)
	if copyErr != nil {
		return id, errors.Join(err, copyErr)
	}
	keys, _, copyErr := decode(copy)
	if copyErr != nil {
		return id, errors.Join(err, copyErr)
	}
	for _, k := range keys {
		if k.ID == id || hash != nil && string(k.Hash) == string(hash) {
			return k.ID, nil
		}
	}
	return id, fmt.Errorf("%w in valkey's copy, and postgres cannot be asked: %w",
		store.ErrNoKey, err)
}

// within returns the result of work, or gives up after storeLimit: the driver of Postgres waits for
// a frozen server beyond its context.
func within(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- work(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		select {
		case err := <-done: // work may have ended because of ctx
			return err
		case <-time.After(100 * time.Millisecond):
		}
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
}
