package tenants

import (
	"context"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// AddMissing adds to Postgres the tenants that only the copy in Valkey has, with the settings
// they have there, and returns their names. That is what a database restored from a backup lacks.
func (d *Directory) AddMissing(ctx context.Context) (added []string, err error) {
	copy, err := d.valkey.TenantsCopy().Load(ctx)
	if err != nil || copy == nil {
		return nil, err
	}
	all, odd, err := decode(copy)
	if err != nil {
		return nil, err
	}
	store.LogOdd(d.log, odd)
	for _, t := range all {
		isNew, err := store.AddTenant(ctx, d.db, t)
		if err != nil {
			return added, err
		}
		if !isNew {
			continue
		}
		added = append(added, t.Name)
		if t.Archived {
			if err := archive(ctx, d, t); err != nil {
				return added, err
			}
		}
	}
	return added, nil
}

func archive(ctx context.Context, d *Directory, t meter.Tenant) error {
	return store.ChangeTenant(ctx, d.db, t.Name, store.TenantChange{Archived: &t.Archived})
}
