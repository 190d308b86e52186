package tenants

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/mirror"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Directory answers who the tenants are, from memory. It is safe for concurrent use.
type Directory struct {
	db     *sqlx.DB
	valkey *scripts.Valkey
	table  mirror.Table[rows]
	list   atomic.Pointer[list] // nil until the directory is filled
	copies copies               // what Valkey should hold, of the rows in use; the table guards it
}

// rows are what the tables of tenants hold.
type rows struct {
	tenants []meter.Tenant
	kept    []store.KeptFeature
}

// New returns an empty directory; Start or Refresh fills it.
func New(db *sqlx.DB, valkey *scripts.Valkey, log *slog.Logger) *Directory {
	d := &Directory{db: db, valkey: valkey}
	d.table.Log, d.table.What = log, "tenants"
	d.table.Version = func(ctx context.Context) (int64, error) { return store.TenantsVersion(ctx, db) }
	d.table.Load, d.table.LoadCopy = d.load, d.loadCopy
	d.table.Use, d.table.Renew = d.use, d.renew
	return d
}

// Loaded reports whether the directory has been filled. Until then it knows no tenant.
func (d *Directory) Loaded() bool { return d.list.Load() != nil }

// Unreadable is how many settings of tenants could not be read as they are in the table.
func (d *Directory) Unreadable() int { return d.table.Unreadable() }

// All returns every tenant by name, archived ones included. The caller must not
// change the slice.
func (d *Directory) All() []meter.Tenant { return d.current().all }

// Start fills the directory from Postgres or, if that is down, from the copy in
// Valkey. It fails only if both fail.
func (d *Directory) Start(ctx context.Context) error { return d.table.Start(ctx) }

// Refresh loads the tenants if they have changed, and renews the copy in Valkey if that
// is an older one or lost. It succeeds without the copy and tries that again with the
// next call.
func (d *Directory) Refresh(ctx context.Context) error { return d.table.Refresh(ctx) }

// renew renews the copies in Valkey, the names first: a copy of tenants without them would not know
// what events may name.
func (d *Directory) renew(ctx context.Context) error {
	if err := d.valkey.TenantNamesCopy().Renew(ctx, d.copies.names); err != nil {
		return err
	}
	return d.valkey.TenantsCopy().Renew(ctx, d.copies.tenants)
}

// load reads the tables.
func (d *Directory) load(ctx context.Context) (r rows, odd []store.OddRow, err error) {
	if r.tenants, odd, err = store.Tenants(ctx, d.db); err != nil {
		return r, nil, err
	}
	r.kept, err = store.KeptFeatures(ctx, d.db)
	return r, odd, err
}

// loadCopy reads the copies in Valkey.
func (d *Directory) loadCopy(ctx context.Context) (r rows, odd []store.OddRow, err error) {
	c, err := d.readCopies(ctx)
	if err == nil && c.tenants == nil {
		err = errors.New("valkey has no copy of the tenants")
	}
	if err != nil {
		return r, nil, err
	}
	return decode(c)
}

func (d *Directory) readCopies(ctx context.Context) (c copies, err error) {
	if c.tenants, err = d.valkey.TenantsCopy().Load(ctx); err != nil || c.tenants == nil {
		return c, err
	}
	c.names, err = d.valkey.TenantNamesCopy().Load(ctx)
	return c, err
}

// use puts rows into use.
func (d *Directory) use(r rows) (err error) {
	if d.copies, err = encode(r); err != nil {
		return err
	}
	d.list.Store(newList(r))
	return nil
}

// Create adds those of the named tenants that do not exist, with the settings of like, and loads the
// table: another process may have created some meanwhile, or made one of the names an alias.
func (d *Directory) Create(ctx context.Context, names []string, like meter.Tenant) error {
	for {
		_, err := store.AddTenants(ctx, d.db, names, like)
		if err != nil && !errors.Is(err, store.ErrNameTaken) {
			return err
		}
		if refreshed := d.Refresh(ctx); err == nil || refreshed != nil {
			return refreshed
		}
		missing := slices.DeleteFunc(slices.Clone(names),
			func(name string) bool { _, ok := d.Get(name); return ok })
		switch len(missing) {
		case 0:
			return nil
		case len(names): // the name was taken by what is not a tenant's any more
			return err
		}
		names = missing
	}
}

// Rename lets people see the tenant with the given key under another name, and loads the table.
// Its errors are those of store.RenameTenant.
func (d *Directory) Rename(ctx context.Context, key, name string) error {
	if err := store.RenameTenant(ctx, d.db, key, name); err != nil {
		return err
	}
	return d.Refresh(ctx)
}
