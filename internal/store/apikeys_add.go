package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// KeyLimits bound how many API keys there may be; 0 is any number.
type KeyLimits struct {
	Tenant int // live ones bound to one tenant
	Total  int // live ones in all
	// Hour is how many of one tenant may be made within an hour, and TotalHour of all together.
	// Keys that were revoked since count as well.
	Hour, TotalHour int
}

// KeyLimitError reports a key that was not added because of a limit.
type KeyLimitError struct {
	Tenant string        // whose limit it is; "": that of all keys together
	Most   int           // live keys or, if After is set, keys made within an hour
	After  time.Duration // until the next key may be made; 0: not before another key ends
}

func (e *KeyLimitError) Error() string {
	whose, what := "there", "live API keys"
	if e.Tenant != "" {
		whose = fmt.Sprintf("of tenant %q there", e.Tenant)
	}
	if e.After > 0 {
		what = "API keys made within an hour"
	}
	return fmt.Sprintf("%s may be at most %d %s", whose, e.Most, what)
}

// AddAPIKey stores a key within limits, which are judged at k.CreatedAt. Several processes that add
// keys at once share the limits. It returns a *KeyLimitError if there are too many, ErrNoTenant if
// the key is bound to a tenant that does not exist, and ErrMakerRevoked.
func AddAPIKey(ctx context.Context, db *sqlx.DB, k APIKey, limits KeyLimits) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("add API key: %w", err)
	}
	defer tx.Rollback() // without effect after Commit
	if err := lockAPIKeys(ctx, tx); err != nil {
		return err
	}
	if err := wantLiveMaker(ctx, tx, k.CreatedBy); err != nil {
		return err
	}
	if err := limits.judge(ctx, tx, k); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx,
		`INSERT INTO api_keys (id, hash, session_key, name, scope, more_scopes, tenant,
			created_at, expires_at, rate_limit, rate_burst, created_by, open_mode)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		k.ID, k.Hash, k.SessionKey, k.Name, k.Scope, notNull(k.MoreScopes), k.Tenant,
		k.CreatedAt, k.ExpiresAt, k.RateLimit, k.RateBurst, k.CreatedBy, k.OpenMode)
	var refused *pq.Error
	if errors.As(err, &refused) && refused.Code == "23503" { // foreign_key_violation
		return fmt.Errorf("%w: %q", ErrNoTenant, k.Tenant.String)
	}
	if err != nil {
		return fmt.Errorf("add API key: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("add API key: %w", err)
	}
	return nil
}

// judge returns a *KeyLimitError if k would be one key too many. tx holds the lock of lockAPIKeys.
func (l KeyLimits) judge(ctx context.Context, tx *sqlx.Tx, k APIKey) error {
	type bound struct {
		tenant    string
		live, new int
	}
	bounds := []bound{{"", l.Total, l.TotalHour}}
	if k.Tenant.Valid { // the nearer one is told first
		bounds = []bound{{k.Tenant.String, l.Tenant, l.Hour}, bounds[0]}
	}
	for _, b := range bounds {
		if err := judgeLive(ctx, tx, b.tenant, b.live, k.CreatedAt); err != nil {
			return err
		}
		if err := judgeNew(ctx, tx, b.tenant, b.new, k.CreatedAt); err != nil {
			return err
		}
	}
	return nil
}

func judgeLive(ctx context.Context, tx *sqlx.Tx, tenant string, most int, now time.Time) error {
	if most == 0 {
		return nil
	}
	var live int
	err := tx.GetContext(ctx, &live, `SELECT count(*) FROM api_keys
		WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)
			AND ($2 = '' OR tenant = $2)`, now, tenant)
	if err != nil {
		return fmt.Errorf("count API keys: %w", err)
	}
	if live >= most {
		return &KeyLimitError{Tenant: tenant, Most: most}
	}
	return nil
}

// judgeNew looks for the key whose hour must be over before there may be another.
func judgeNew(ctx context.Context, tx *sqlx.Tx, tenant string, most int, now time.Time) error {
	if most == 0 {
		return nil
	}
	var made []time.Time
	err := tx.SelectContext(ctx, &made, `SELECT created_at FROM api_keys
		WHERE created_at > $1 AND ($2 = '' OR tenant = $2) ORDER BY created_at DESC OFFSET $3 LIMIT 1`,
		now.Add(-time.Hour), tenant, most-1)
	if err != nil {
		return fmt.Errorf("count new API keys: %w", err)
	}
	if len(made) > 0 {
		return &KeyLimitError{Tenant: tenant, Most: most,
			After: max(made[0].Add(time.Hour).Sub(now), time.Second)}
	}
	return nil
}

// notNull is an array that the driver does not take for NULL.
func notNull(names pq.StringArray) pq.StringArray {
	if names == nil {
		return pq.StringArray{}
	}
	return names
}
