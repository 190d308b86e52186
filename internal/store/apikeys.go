package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// ErrNoKey reports an API key that does not exist.
var ErrNoKey = errors.New("no such API key")

// errYear reports a time that has no form in JSON.
var errYear = errors.New("a time lies beyond the year 9999")

// APIKey is an API key as it is stored: all but the key itself.
type APIKey struct {
	ID         uuid.UUID `db:"id"`
	Hash       []byte    `db:"hash"`        // SHA-256 of the key, 32 bytes
	SessionKey []byte    `db:"session_key"` // Ed25519 public key, 32 bytes
	Name       string    `db:"name"`
	Scope      string    `db:"scope"` // ingest, read or admin
	// MoreScopes are what it may do beside Scope. A version that does not know the column
	// allows less.
	MoreScopes pq.StringArray `db:"more_scopes"`
	Tenant     sql.NullString `db:"tenant"`
	CreatedAt  time.Time      `db:"created_at"`
	ExpiresAt  sql.NullTime   `db:"expires_at"`
	RateLimit  sql.NullInt64  `db:"rate_limit"` // see Rate
	RateBurst  sql.NullInt64  `db:"rate_burst"`
	RevokedAt  sql.NullTime   `db:"revoked_at"`
	LastUsedAt sql.NullTime   `db:"last_used_at"`
	// CreatedBy is the key with which it was made through the API. OpenMode says that it was made
	// through an API that asks nobody for a credential: it is worth nothing where one is asked for.
	CreatedBy uuid.NullUUID `db:"created_by"`
	OpenMode  bool          `db:"open_mode"`
}

// Rate is what limits the events that come with the key.
func (k APIKey) Rate() meter.Rate { return meter.NewRate(k.RateLimit.Int64, k.RateBurst.Int64) }

// SetRate makes r the key's limit.
func (k *APIKey) SetRate(r meter.Rate) {
	k.RateLimit = sql.NullInt64{Int64: r.PerSecond, Valid: r.Limited()}
	k.RateBurst = burstColumn(r)
}

// APIKeysVersion is a number that grows with every change of what an API key may do.
func APIKeysVersion(ctx context.Context, q sqlx.QueryerContext) (int64, error) {
	var version int64
	if err := sqlx.GetContext(ctx, q, &version, "SELECT version FROM api_keys_version"); err != nil {
		return 0, fmt.Errorf("read version of API keys: %w", err)
	}
	return version, nil
}

// LiveAPIKeys returns every key that is neither revoked nor, at now, expired, in order of
// creation. Keys whose row cannot be read are in odd instead, and do not work.
func LiveAPIKeys(
	ctx context.Context, q sqlx.QueryerContext, now time.Time,
) (keys []APIKey, odd []OddRow, err error) {
	return apiKeys(ctx, q,
		"WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)"+inOrder, now)
}

// APIKeyQuery says which keys to list.
type APIKeyQuery struct {
	Tenant string // the keys bound to it; "": all
	Limit  int    // at most so many
	// What follows this place in the order of creation; zero: the start.
	AfterCreated time.Time
	AfterID      uuid.UUID
}

// APIKeys returns a page of the keys, revoked and expired ones included, in order of creation.
// Those whose row cannot be read are in odd instead, and count for the limit.
func APIKeys(
	ctx context.Context, q sqlx.QueryerContext, ask APIKeyQuery,
) (keys []APIKey, odd []OddRow, err error) {
	where, args := "WHERE (created_at, id) > ($1, $2)", []any{ask.AfterCreated, ask.AfterID}
	if ask.Tenant != "" {
		where, args = where+" AND tenant = $3", append(args, ask.Tenant)
	}
	return apiKeys(ctx, q, where+inOrder+fmt.Sprintf(" LIMIT %d", ask.Limit), args...)
}

const inOrder = " ORDER BY created_at, id"

func apiKeys(
	ctx context.Context, q sqlx.QueryerContext, which string, args ...any,
) (keys []APIKey, odd []OddRow, err error) {
	keys = []APIKey{}
	skip := func(row string, err error) {
		odd = append(odd,
			OddRow{Table: "api_keys", Row: row, Reason: err.Error(), Instead: "the key does not work"})
	}
	err = eachRow(ctx, q, func(k APIKey) {
		if k.ExpiresAt.Time.Year() > 9999 || k.CreatedAt.Year() > 9999 ||
			k.LastUsedAt.Time.Year() > 9999 {
			skip(k.ID.String(), errYear)
			return
		}
		keys = append(keys, k)
	}, skip, `SELECT id, hash, session_key, name, scope, more_scopes, tenant, created_at, expires_at,
		rate_limit, rate_burst, revoked_at, last_used_at, created_by, open_mode
		FROM api_keys `+which, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("read API keys: %w", err)
	}
	return keys, odd, nil
}

// FindAPIKey returns the key of that id or, if hash is not nil, of that SHA-256. It returns
// ErrNoKey if there is none, and any other error if its row cannot be read.
func FindAPIKey(
	ctx context.Context, q sqlx.QueryerContext, id uuid.UUID, hash []byte,
) (APIKey, error) {
	found, odd, err := apiKeys(ctx, q,
		"WHERE CASE WHEN $2::bytea IS NULL THEN id = $1 ELSE hash = $2 END", id, hash)
	if err != nil {
		return APIKey{}, err
	}
	if len(odd) > 0 {
		return APIKey{}, fmt.Errorf("read API key %s: %s", odd[0].Row, odd[0].Reason)
	}
	if len(found) == 0 {
		return APIKey{}, ErrNoKey
	}
	return found[0], nil
}

// RevokeAPIKeys marks those of the keys revoked that are not yet; at has a time for each. It locks
// the version before a key, as lockAPIKeys does: in another order the two could deadlock.
func RevokeAPIKeys(
	ctx context.Context, e sqlx.ExecerContext, ids []uuid.UUID, at []time.Time,
) error {
	_, err := e.ExecContext(ctx,
		`WITH locked AS MATERIALIZED (SELECT version FROM api_keys_version FOR UPDATE)
		UPDATE api_keys AS k SET revoked_at = r.at
		FROM locked, unnest($1::uuid[], $2::timestamptz[]) AS r (id, at) WHERE k.id = r.id
			AND k.revoked_at IS NULL`, pq.Array(ids), pq.Array(at))
	if err != nil {
		return fmt.Errorf("revoke API keys: %w", err)
	}
	return nil
}

// UseAPIKeys notes when keys were last used, unless that was noted less than a minute
// earlier, by whichever process.
func UseAPIKeys(ctx context.Context, e sqlx.ExecerContext, ids []uuid.UUID, at []time.Time) error {
	_, err := e.ExecContext(ctx, `UPDATE api_keys AS k SET last_used_at = u.at
		FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
		WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at <= u.at - interval '1 minute')`,
		pq.Array(ids), pq.Array(at))
	if err != nil {
		return fmt.Errorf("note the use of API keys: %w", err)
	}
	return nil
}
