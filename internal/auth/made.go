package auth

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// LiveMade counts the live keys that were made with a key, with those keys, and so on: of a tenant,
// or of all tenants for "". It needs Postgres, which alone records a key's maker.
func LiveMade(
	ctx context.Context, db *sqlx.DB, id uuid.UUID, tenant string, now time.Time,
) (live int, err error) {
	err = within(ctx, func(ctx context.Context) (err error) {
		live, err = store.LiveKeysMadeWith(ctx, db, id, tenant, now)
		return err
	})
	return live, err
}

// RevokeMade revokes the keys that LiveMade counts, for ever, and returns their number. Revoke must
// have ended the key itself before, which does not need Postgres; RevokeMade fails without
// Postgres. A key that is being made with one of them is either revoked as well, or never made.
// pending is the error of Valkey if it did not get the revocations. The call can be repeated.
func RevokeMade(ctx context.Context, db *sqlx.DB, valkey *scripts.Valkey,
	id uuid.UUID, tenant string, now time.Time) (made int, pending, err error) {
	var ids []uuid.UUID
	err = within(ctx, func(ctx context.Context) (err error) {
		ids, err = store.RevokeKeysMadeWith(ctx, db, id, tenant, now)
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, nil, err
	}
	at := make(map[uuid.UUID]time.Time, len(ids))
	for _, id := range ids {
		at[id] = now
	}
	limited, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return len(ids), valkey.RevokeKeys(limited, at), nil
}
