package tenants

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// AddMissing adds to Postgres the tenants that only the copy in Valkey has, with the settings
// and names they have there, and returns their keys. That is what a database restored from a
// backup lacks. A tenant that it has, but without any other name, gets those of the copy too.
func (d *Directory) AddMissing(ctx context.Context) (added []string, err error) {
	copies, err := d.readCopies(ctx)
	if err != nil || copies.tenants == nil {
		return nil, err
	}
	rows, odd, err := decode(copies)
	if err != nil {
		return nil, err
	}
	store.LogOdd(d.table.Log, odd)
	for _, t := range rows.tenants {
		isNew, err := d.addMissing(ctx, t)
		if err != nil {
			return added, err
		}
		if isNew {
			added = append(added, t.Name)
		}
	}
	return added, nil
}

// addMissing adds one tenant, in one transaction.
func (d *Directory) addMissing(ctx context.Context, t meter.Tenant) (isNew bool, err error) {
	tx, err := d.db.BeginTxx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("begin to add a tenant: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := store.KeepNames(ctx, tx); err != nil {
		return false, err
	}
	if isNew, err = store.AddTenant(ctx, tx, t); err != nil {
		return false, err
	}
	if isNew && t.Archived {
		if err := store.ChangeTenant(ctx, tx, t.Name,
			store.TenantChange{Archived: &t.Archived}); err != nil {
			return false, err
		}
	}
	if err := addNames(ctx, tx, t); err != nil {
		return false, err
	}
	if err := tx.Commit(); err != nil {
		return false, fmt.Errorf("commit a tenant: %w", err)
	}
	return isNew, nil
}

// addNames gives a tenant that has only its key the names of t.
func addNames(ctx context.Context, tx *sqlx.Tx, t meter.Tenant) error {
	if len(t.Aliases) == 0 {
		return nil
	}
	var others int
	err := tx.GetContext(ctx, &others,
		"SELECT count(*) FROM tenant_names WHERE tenant = $1 AND name <> tenant", t.Name)
	if err != nil {
		return fmt.Errorf("count a tenant's names: %w", err)
	}
	if others > 0 {
		return nil
	}
	var free []string // the others are somebody's by now
	err = tx.SelectContext(ctx, &free, `
		SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS a (name, n)
		WHERE NOT EXISTS (SELECT FROM tenant_names n WHERE n.name = a.name) ORDER BY n`,
		pq.Array(t.Aliases))
	if err != nil {
		return fmt.Errorf("look for free names: %w", err)
	}
	if slices.Contains(free, t.DisplayName) || t.DisplayName == "" {
		free = append(free, t.DisplayName) // the last one is shown
	}
	for _, name := range free {
		if err := store.RenameTenant(ctx, tx, t.Name, name); err != nil {
			return err
		}
	}
	return nil
}
