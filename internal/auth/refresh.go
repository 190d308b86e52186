package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

const (
	// refreshEvery is the time between two reads of a store. The two seconds in which a revocation
	// takes effect follow from it.
	refreshEvery = time.Second
	// remember is how long a revocation stays in Valkey. After that time no process still uses keys
	// that it read before the revocation.
	remember = 24 * time.Hour
)

// Start fills the directory: with the revocations in Valkey, and with the keys of Postgres or, if
// that is down, of their copy in Valkey.
func (d *Directory) Start(ctx context.Context) error {
	if err := d.sync(ctx); err != nil {
		return err
	}
	fromPostgres := d.refresh(ctx)
	if d.Loaded() {
		return nil
	}
	return d.table.StartFromCopy(ctx, fromPostgres)
}

// Keep reads both stores every second until ctx is done. Neither read waits for the other: a
// revocation must arrive while one of the stores hangs.
func (d *Directory) Keep(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() {
		loop.Every(ctx, refreshEvery, loop.Health{Log: d.log, Level: slog.LevelWarn,
			Failing: "API keys cannot be refreshed from postgres",
			Working: "API keys can be refreshed from postgres again"}, d.refresh)
	})
	both.Go(func() {
		loop.Every(ctx, refreshEvery, loop.Health{Log: d.log, Level: slog.LevelWarn,
			Failing: "revoked API keys cannot be read from valkey",
			Working: "revoked API keys can be read from valkey again"}, d.sync)
	})
	both.Wait()
}

// refresh loads the keys from Postgres if they have changed, and writes what Postgres lacks:
// revocations, and uses.
func (d *Directory) refresh(ctx context.Context) error {
	began := time.Now()
	if err := d.table.Refresh(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	d.refreshedAt = began
	d.mu.Unlock()
	if ids, at := d.unsynced(); len(ids) > 0 {
		if err := store.RevokeAPIKeys(ctx, d.db, ids, at); err != nil {
			return err
		}
		d.log.Info("postgres was told of API keys that were revoked, or made in open mode",
			"keys", len(ids))
	}
	return d.noteUses(ctx)
}

// loadCopy reads the copy in Valkey.
func (d *Directory) loadCopy(ctx context.Context) ([]store.APIKey, []store.OddRow, error) {
	copy, err := d.valkey.KeysCopy().Load(ctx)
	if err == nil && copy == nil {
		err = errors.New("valkey has no copy of the API keys")
	}
	if err != nil {
		return nil, nil, err
	}
	return decode(copy)
}

// use puts the keys of the table into use.
func (d *Directory) use(keys []store.APIKey) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.base = keys
	d.rebuild()
	return nil
}

// unsynced returns the keys that are live in Postgres but revoked here, or made in open mode: the
// previous version would accept those.
func (d *Directory) unsynced() (ids []uuid.UUID, at []time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range d.base {
		if r, ok := d.revoked[k.ID]; ok {
			ids, at = append(ids, k.ID), append(at, r.at)
		} else if k.OpenMode {
			ids, at = append(ids, k.ID), append(at, d.now())
		}
	}
	return ids, at
}

// sync reads revocations from Valkey, and writes there what a process needs that starts while
// Postgres is down.
func (d *Directory) sync(ctx context.Context) error {
	noted, err := d.valkey.RevokedKeys(ctx)
	if err != nil {
		return err
	}
	if lost := d.merge(noted); len(lost) > 0 {
		if err := d.valkey.RevokeKeys(ctx, lost); err != nil {
			return err
		}
	}
	copy, err := d.copy()
	if err != nil || copy == nil {
		return err
	}
	if err := d.valkey.KeysCopy().Renew(ctx, copy); err != nil {
		return err
	}
	done := d.obsolete()
	if len(done) == 0 {
		return nil
	}
	if err := d.valkey.ForgetRevoked(ctx, done); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range done {
		delete(d.revoked, id)
	}
	return nil
}

// merge puts Valkey's revocations in force at once, and returns those that Valkey has lost.
func (d *Directory) merge(noted map[uuid.UUID]time.Time) (lost map[uuid.UUID]time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost = map[uuid.UUID]time.Time{}
	for id, r := range d.revoked {
		if _, ok := noted[id]; !ok {
			lost[id] = r.at
		}
	}
	more := false
	for id, at := range noted {
		if _, ok := d.revoked[id]; !ok {
			d.revoked[id] = revocation{at: at, learned: time.Now()}
			more = true
		}
	}
	if more && d.list.Load() != nil {
		d.rebuild()
	}
	return lost
}

// obsolete returns the revocations that Valkey need not keep: they are old, and Postgres knows them
// by a refresh that began after this process learned of them.
func (d *Directory) obsolete() (ids []uuid.UUID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	live := make(map[uuid.UUID]bool, len(d.base))
	for _, k := range d.base {
		live[k.ID] = true
	}
	for id, r := range d.revoked {
		if !live[id] && r.learned.Before(d.refreshedAt) && d.now().Sub(r.at) > remember {
			ids = append(ids, id)
		}
	}
	return ids
}

// copy returns the copy for Valkey, nil until the table was loaded from Postgres. It has no revoked
// keys.
func (d *Directory) copy() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.table.FromPostgres() {
		return nil, nil
	}
	if d.encoded != nil {
		return d.encoded, nil
	}
	keys := make([]store.APIKey, 0, len(d.base))
	for _, k := range d.base {
		if _, gone := d.revoked[k.ID]; !gone && !k.OpenMode {
			keys = append(keys, k)
		}
	}
	copy, err := encode(keys)
	if err != nil {
		return nil, fmt.Errorf("copy the API keys: %w", err)
	}
	d.encoded = copy
	return copy, nil
}
