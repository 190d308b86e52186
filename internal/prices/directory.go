package prices

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/mirror"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Directory has the price book in force. It is safe for concurrent use.
type Directory struct {
	db       *sqlx.DB
	valkey   *scripts.Valkey
	currency string
	table    mirror.Table[rows]
	book     atomic.Pointer[price.Book] // nil until the directory is filled
	copy     []byte                     // what Valkey should hold, of the rows in use; the table guards it
}

// rows are what the tables of prices hold.
type rows struct {
	prices []price.Row
	names  []price.Name
}

// New returns an empty directory for a deployment of that currency. Start or Refresh fills it.
func New(db *sqlx.DB, valkey *scripts.Valkey, currency string, log *slog.Logger) *Directory {
	d := &Directory{db: db, valkey: valkey, currency: currency}
	d.table.Log, d.table.What = log, "prices"
	d.table.Version = func(ctx context.Context) (int64, error) { return store.PricesVersion(ctx, db) }
	d.table.Load, d.table.LoadCopy, d.table.Use = d.load, d.loadCopy, d.use
	d.table.Renew = func(ctx context.Context) error { return valkey.PricesCopy().Renew(ctx, d.copy) }
	return d
}

// Book is the book in force. Before the directory is filled it has no price.
func (d *Directory) Book() *price.Book {
	if b := d.book.Load(); b != nil {
		return b
	}
	return new(price.Book)
}

// Loaded reports whether the directory has been filled.
func (d *Directory) Loaded() bool { return d.book.Load() != nil }

// Unreadable is how many rows could not be read as they are in the table.
func (d *Directory) Unreadable() int { return d.table.Unreadable() }

// Start fills the directory from Postgres or, if that is down, from the copy in Valkey. It fails
// only if both fail.
func (d *Directory) Start(ctx context.Context) error { return d.table.Start(ctx) }

// Refresh makes a new book if prices have changed, and renews the copy in Valkey if that is an
// older one or lost. It succeeds without the copy and tries that again with the next call.
func (d *Directory) Refresh(ctx context.Context) error { return d.table.Refresh(ctx) }

func (d *Directory) load(ctx context.Context) (r rows, odd []store.OddRow, err error) {
	if r.prices, odd, err = store.Prices(ctx, d.db, d.currency); err != nil {
		return r, nil, err
	}
	r.names, err = store.PriceNames(ctx, d.db, d.currency)
	return r, odd, err
}

func (d *Directory) loadCopy(ctx context.Context) (r rows, odd []store.OddRow, err error) {
	copy, err := d.valkey.PricesCopy().Load(ctx)
	if err == nil && copy == nil {
		err = errors.New("valkey has no copy of the prices")
	}
	if err == nil {
		r, err = decode(copy, d.currency)
	}
	return r, nil, err
}

// use puts rows into use.
func (d *Directory) use(r rows) (err error) {
	if d.copy, err = encode(r, d.currency); err != nil {
		return err
	}
	d.book.Store(price.NewBook(r.prices, r.names))
	return nil
}
