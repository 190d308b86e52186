package auth

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// use is when a key was last used, in unix seconds. Postgres is told by refresh, at most
// once a minute, and never on the way of a request.
type use struct {
	last  atomic.Int64
	noted int64 // what Postgres was told; only refresh uses it
}

// touch notes a use. It writes once a second at most, so that processors that serve the same
// key do not fight over it.
func (u *use) touch(now time.Time) {
	if second := now.Unix(); second > u.last.Load() {
		u.last.Store(second)
	}
}

// noteUses tells Postgres of the keys that were used since it last heard of them.
func (d *Directory) noteUses(ctx context.Context) error {
	var ids []uuid.UUID
	var at []time.Time
	var due []*use
	for id, e := range d.list.Load().byID {
		if last := e.use.last.Load(); last >= e.use.noted+60 {
			ids, at, due = append(ids, id), append(at, time.Unix(last, 0)), append(due, e.use)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := store.UseAPIKeys(ctx, d.db, ids, at); err != nil {
		return err
	}
	for i, u := range due {
		u.noted = at[i].Unix()
	}
	return nil
}
