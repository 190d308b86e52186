package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TenantKey is the key of the tenant that a name leads to, in whatever spelling of the same
// characters, and the name that people see. It reads all names: for people, not for events. It
// returns ErrNoTenant if the name leads nowhere.
func TenantKey(
	ctx context.Context, q sqlx.QueryerContext, name string,
) (key, shown string, err error) {
	err = q.QueryRowxContext(ctx, `SELECT t.name, coalesce(t.display_name, t.name)
		FROM tenant_names n JOIN tenants t ON t.name = n.tenant WHERE n.name = $1
			OR normalize(n.name, NFC) = $2
		ORDER BY n.name <> $1, n.name LIMIT 1`, name, meter.Normal(name)).Scan(&key, &shown)
	if errors.Is(err, sql.ErrNoRows) {
		if wrong := meter.CheckReserved(name); wrong != "" {
			return "", "", fmt.Errorf("%w: a tenant's name %s", ErrNoTenant, wrong)
		}
		return "", "", fmt.Errorf("%w: %q", ErrNoTenant, name)
	}
	if err != nil {
		return "", "", fmt.Errorf("look up tenant: %w", err)
	}
	return key, shown, nil
}

// RenameTenant lets people see the tenant with the given key under another name, which leads to
// it from then on beside all that it had before. "" is the key again. It returns ErrNoTenant if
// there is no such tenant, and ErrNameTaken if the name leads to another one.
func RenameTenant(ctx context.Context, e sqlx.ExecerContext, key, name string) error {
	res, err := e.ExecContext(ctx,
		"UPDATE tenants SET display_name = nullif(nullif($2, ''), name) WHERE name = $1", key, name)
	if err != nil {
		return fmt.Errorf("rename tenant: %w", refusal(err))
	}
	if n, err := res.RowsAffected(); err != nil {
		return fmt.Errorf("rename tenant: %w", err)
	} else if n == 0 {
		return fmt.Errorf("%w: %q", ErrNoTenant, key)
	}
	return nil
}

// KeptFeature is a feature of a tenant whose name is refused for new ones.
type KeptFeature struct {
	Tenant  string `db:"tenant"` // its key
	Feature string `db:"feature"`
}

// KeptFeatures are all of them.
func KeptFeatures(ctx context.Context, q sqlx.QueryerContext) ([]KeptFeature, error) {
	var kept []KeptFeature
	err := sqlx.SelectContext(ctx, q, &kept, "SELECT tenant, feature FROM kept_features ORDER BY 1, 2")
	if err != nil {
		return nil, fmt.Errorf("read kept features: %w", err)
	}
	return kept, nil
}

// KeepNames lets a transaction add tenants whose names have counted usage already, however they
// look.
func KeepNames(ctx context.Context, tx *sqlx.Tx) error {
	if _, err := tx.ExecContext(ctx, "SET LOCAL flagmeter.keep_names = 'on'"); err != nil {
		return fmt.Errorf("let names be kept: %w", err)
	}
	return nil
}
