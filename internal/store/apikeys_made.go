package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
)

// ErrMakerRevoked reports that the key with which another was to be made is revoked.
var ErrMakerRevoked = errors.New("the API key that makes it is revoked")

// madeWith finds the keys that were made with key $1, with those, and so on, through keys that have
// ended too. $2 is the tenant whose keys count, "" for all; of those, the ones live at $3.
const madeWith = `WITH RECURSIVE made (id) AS (
		SELECT id FROM api_keys WHERE created_by = $1
		UNION SELECT k.id FROM api_keys k JOIN made ON k.created_by = made.id),
	live AS (SELECT k.id FROM api_keys k JOIN made USING (id)
		WHERE k.id <> $1 AND ($2 = '' OR k.tenant = $2)
			AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $3::timestamptz))
	`

// LiveKeysMadeWith counts the live keys of a tenant, "" for all, that were made with a key, or with
// keys that it has made.
func LiveKeysMadeWith(
	ctx context.Context, q sqlx.QueryerContext, id uuid.UUID, tenant string, now time.Time,
) (live int, err error) {
	err = sqlx.GetContext(ctx, q, &live, madeWith+"SELECT count(*) FROM live", id, tenant, now)
	if err != nil {
		return 0, fmt.Errorf("count the keys that an API key has made: %w", err)
	}
	return live, nil
}

// RevokeKeysMadeWith revokes a key and those that LiveKeysMadeWith counts, and returns the ids of
// the latter. None is made meanwhile that it would miss: AddAPIKey waits for the version, and then
// finds that the maker is revoked.
func RevokeKeysMadeWith(
	ctx context.Context, db *sqlx.DB, id uuid.UUID, tenant string, now time.Time,
) (made []uuid.UUID, err error) {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("revoke the keys that an API key has made: %w", err)
	}
	defer tx.Rollback() // without effect after Commit
	if err := lockAPIKeys(ctx, tx); err != nil {
		return nil, err
	}
	if err := RevokeAPIKeys(ctx, tx, []uuid.UUID{id}, []time.Time{now}); err != nil {
		return nil, err
	}
	err = tx.SelectContext(ctx, &made, madeWith+`UPDATE api_keys k SET revoked_at = $3
		FROM live WHERE k.id = live.id RETURNING k.id`, id, tenant, now)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return nil, fmt.Errorf("revoke the keys that an API key has made: %w", err)
	}
	return made, nil
}

// lockAPIKeys keeps others from adding and revoking keys until tx ends.
func lockAPIKeys(ctx context.Context, tx *sqlx.Tx) error {
	var version int64
	err := tx.GetContext(ctx, &version, "SELECT version FROM api_keys_version FOR UPDATE")
	if err != nil {
		return fmt.Errorf("lock the number of API keys: %w", err)
	}
	return nil
}

// wantLiveMaker returns ErrMakerRevoked if a key was to be made with one that is revoked. tx holds
// the lock of lockAPIKeys.
func wantLiveMaker(ctx context.Context, tx *sqlx.Tx, maker uuid.NullUUID) error {
	if !maker.Valid {
		return nil
	}
	var revoked bool
	err := tx.GetContext(ctx, &revoked,
		"SELECT EXISTS (SELECT FROM api_keys WHERE id = $1 AND revoked_at IS NOT NULL)", maker.UUID)
	if err != nil {
		return fmt.Errorf("look up the key that makes another: %w", err)
	}
	if revoked {
		return ErrMakerRevoked
	}
	return nil
}
