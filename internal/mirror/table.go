package mirror

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Table keeps rows of type R. Its fields must be set before its first use; its methods are safe for
// concurrent use.
type Table[R any] struct {
	Log *slog.Logger
	// What says in log lines what the rows are, in the plural.
	What string
	// Version reads the number that changes with the table.
	Version func(context.Context) (int64, error)
	// Load reads the table. What it cannot read as it is written, it names in odd.
	Load func(context.Context) (rows R, odd []store.OddRow, err error)
	// LoadCopy does the same from the copy in Valkey. It fails if there is none.
	LoadCopy func(context.Context) (rows R, odd []store.OddRow, err error)
	// Use puts rows into use. After an error the next refresh loads them again.
	Use func(R) error
	// Renew replaces the copy in Valkey if it is not of the rows in use; nil: others do that. It
	// never runs at the same time as Use.
	Renew func(context.Context) error

	refreshing   sync.Mutex
	version      int64
	copyHealth   loop.Health
	fromPostgres atomic.Bool
	unreadable   atomic.Int64
}

// Start fills the table from Postgres or, if that is down, from the copy in Valkey. It fails only
// if both fail.
func (t *Table[R]) Start(ctx context.Context) error {
	if fromPostgres := t.Refresh(ctx); fromPostgres != nil {
		return t.StartFromCopy(ctx, fromPostgres)
	}
	return nil
}

// Refresh loads the table if its version has changed, and renews the copy in Valkey. It succeeds
// without the copy and tries that again with the next call.
func (t *Table[R]) Refresh(ctx context.Context) error {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	if err := t.refresh(ctx); err != nil {
		return err
	}
	if t.Renew != nil {
		t.noteCopy(ctx, t.Renew(ctx))
	}
	return nil
}

func (t *Table[R]) refresh(ctx context.Context) error {
	version, err := t.Version(ctx)
	if err != nil || t.fromPostgres.Load() && version == t.version {
		return err
	}
	// Read after the version: if the table changes in between, the rows are newer than their
	// number, and the next refresh loads them once more.
	rows, odd, err := t.Load(ctx)
	if err != nil {
		return err
	}
	t.note(odd)
	if err := t.Use(rows); err != nil {
		return err
	}
	t.version = version
	t.fromPostgres.Store(true)
	return nil
}

// StartFromCopy uses the copy in Valkey, because of cause: Postgres did not answer. The first
// Refresh that reaches Postgres loads the table. Its error includes cause.
func (t *Table[R]) StartFromCopy(ctx context.Context, cause error) error {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	rows, odd, err := t.LoadCopy(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	t.note(odd)
	if err := t.Use(rows); err != nil {
		return err
	}
	t.Log.Warn("postgres is down: started with the copy of the "+t.What+" in valkey",
		"error", cause)
	return nil
}

// FromPostgres reports whether the rows in use are from Postgres, not from the copy.
func (t *Table[R]) FromPostgres() bool { return t.fromPostgres.Load() }

// Unreadable is how many settings could not be read as they are in the table.
func (t *Table[R]) Unreadable() int { return int(t.unreadable.Load()) }

// note logs and counts the rows that could not be read.
func (t *Table[R]) note(odd []store.OddRow) {
	store.LogOdd(t.Log, odd)
	t.unreadable.Store(int64(len(odd)))
}

// noteCopy logs when the copy cannot be renewed, and when it can be again.
func (t *Table[R]) noteCopy(ctx context.Context, err error) {
	t.copyHealth.Log, t.copyHealth.Level = t.Log, slog.LevelWarn
	t.copyHealth.Failing = "the copy of the " + t.What + " in valkey cannot be renewed"
	t.copyHealth.Working = "the copy of the " + t.What + " in valkey is renewed again"
	t.copyHealth.Note(ctx, err)
}
