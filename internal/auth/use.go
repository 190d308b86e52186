package auth

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// use is when a key was last used, in unix seconds. refresh writes it to Postgres, at most once a
// minute, and never on the path of a request.
type use struct {
	last  atomic.Int64
	noted int64 // the value in Postgres; only refresh uses it
}

// touch notes a use. It writes at most once a second, so that processors that serve the same key do
// not contend for it.
func (u *use) touch(now time.Time) {
	if second := now.Unix(); second > u.last.Load() {
		u.last.Store(second)
	}
}

// noteUses writes to Postgres which keys were used since its last call.
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
