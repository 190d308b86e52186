package tenants

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Directory answers who the tenants are, from memory. It is safe for concurrent use.
type Directory struct {
	db     *sqlx.DB
	valkey *scripts.Valkey
	log    *slog.Logger

	refreshing sync.Mutex
	copy       []byte // what Valkey should hold, nil until the table was loaded from Postgres
	namesCopy  []byte // the same for what copy has no place for
	copyHealth loop.Health
	list       atomic.Pointer[list]
	unreadable atomic.Int64
}

// New returns an empty directory; Start or Refresh fills it.
func New(db *sqlx.DB, valkey *scripts.Valkey, log *slog.Logger) *Directory {
	d := &Directory{db: db, valkey: valkey, log: log, copyHealth: loop.Health{
		Log: log, Level: slog.LevelWarn,
		Failing: "the copy of the tenants in valkey cannot be renewed",
		Working: "the copy of the tenants in valkey is renewed again"}}
	d.list.Store(&list{version: -1})
	return d
}

// Loaded reports whether the directory has been filled. Until then it knows no tenant.
func (d *Directory) Loaded() bool { return d.list.Load().byName != nil }

// Unreadable is how many settings of tenants could not be read as they are in the table.
func (d *Directory) Unreadable() int { return int(d.unreadable.Load()) }

// noteOdd logs and counts the rows that could not be read.
func (d *Directory) noteOdd(odd []store.OddRow) {
	store.LogOdd(d.log, odd)
	d.unreadable.Store(int64(len(odd)))
}

// All returns every tenant by name, archived ones included. The caller must not
// change the slice.
func (d *Directory) All() []meter.Tenant { return d.list.Load().all }

// Start fills the directory from Postgres or, if that is away, from the copy in
// Valkey. It fails only if neither can be had.
func (d *Directory) Start(ctx context.Context) error {
	fromPostgres := d.Refresh(ctx)
	if fromPostgres == nil {
		return nil
	}
	copy, err := d.valkey.TenantsCopy().Load(ctx)
	if err == nil && copy == nil {
		err = errors.New("valkey has no copy of the tenants")
	}
	if err != nil {
		return errors.Join(fromPostgres, err)
	}
	names, err := d.valkey.TenantNamesCopy().Load(ctx)
	if err != nil {
		return errors.Join(fromPostgres, err)
	}
	all, kept, odd, err := decode(copy, names)
	if err != nil {
		return errors.Join(fromPostgres, err)
	}
	d.noteOdd(odd)
	// Version -1: the first Refresh that reaches Postgres loads the table.
	d.list.Store(newList(-1, all, kept))
	d.log.Warn("postgres is away: started with the copy of the tenants in valkey",
		"tenants", len(all), "error", fromPostgres)
	return nil
}

// Refresh loads the tenants if they have changed, and renews the copy in Valkey if that
// is an older one or lost. It succeeds without the copy and tries that again with the
// next call.
func (d *Directory) Refresh(ctx context.Context) error {
	d.refreshing.Lock()
	defer d.refreshing.Unlock()

	version, err := store.TenantsVersion(ctx, d.db)
	if err != nil {
		return err
	}
	if version != d.list.Load().version {
		// Read after the version: if the table changes in between, the list is newer
		// than its number and the next refresh loads it once more.
		all, odd, err := store.Tenants(ctx, d.db)
		if err != nil {
			return err
		}
		d.noteOdd(odd)
		kept, err := store.KeptFeatures(ctx, d.db)
		if err != nil {
			return err
		}
		if d.copy, d.namesCopy, err = encode(all, kept); err != nil {
			return err
		}
		d.list.Store(newList(version, all, kept))
	}
	// The names first: a copy of tenants without them would not know what events may name.
	if err = d.valkey.TenantNamesCopy().Renew(ctx, d.namesCopy); err == nil {
		err = d.valkey.TenantsCopy().Renew(ctx, d.copy)
	}
	d.copyHealth.Note(ctx, err)
	return nil
}

// Create adds those of the named tenants that do not exist, with the settings of
// like, and loads the table: others may have been created meanwhile, or a tenant may have got
// one of the names as an alias, by somebody else.
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
