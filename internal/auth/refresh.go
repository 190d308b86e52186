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
	// refreshEvery is the time between two readings of a store. The two seconds in which a
	// revocation takes effect are made of it.
	refreshEvery = time.Second
	// remember is how long a revocation stays in Valkey, after which no process can still be
	// at work with keys that it read before.
	remember = 24 * time.Hour
)

// Start fills the directory: with what was revoked according to Valkey, and with the keys
// of Postgres or, if that is away, of their copy in Valkey.
func (d *Directory) Start(ctx context.Context) error {
	if err := d.sync(ctx); err != nil {
		return err
	}
	fromPostgres := d.refresh(ctx)
	if d.Loaded() {
		return nil
	}
	keys, err := d.table.StartFromCopy(ctx, fromPostgres)
	if err != nil {
		return err
	}
	d.log.Warn("postgres is away: started with the copy of the API keys in valkey",
		"keys", len(keys), "error", fromPostgres)
	return nil
}

// Keep reads both stores every second until ctx is done. Neither waits for the other: a
// revocation must come in while one of them hangs.
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

// refresh loads the keys from Postgres if they have changed, and tells it what it has not
// heard: revocations, and uses.
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

// unsynced are the keys that Postgres takes for live and that are revoked, or were made in open
// mode: the version before would accept those.
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

// sync learns from Valkey what was revoked, and leaves there what a process needs that starts
// while Postgres is away.
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

// merge adds what Valkey has noted, in force at once, and returns what it has lost.
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

// obsolete are the revocations that Valkey need not keep any more: Postgres knows of them, by a
// refresh that began after they were learned here, and they are old.
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

// copy is the copy for Valkey, nil until the table was loaded from Postgres. Revoked keys
// are not in it.
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
