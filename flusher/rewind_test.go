package flusher

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// crashAt runs a flusher that ends after a step, which must be reached.
func (r *rewinder) crashAt(at batch.Step) {
	r.Helper()
	f := r.flusher()
	f.after = func(s batch.Step) error {
		if s == at {
			return errCrash
		}
		return nil
	}
	if _, err := f.RunOnce(context.Background()); !errors.Is(err, errCrash) {
		r.Fatalf("flush with a crash after step %d: %v", at, err)
	}
}

// late is the member of an event so long ago.
func (r *rewinder) late(ago time.Duration) string {
	return fmt.Sprintf(`,"timestamp":%q`, r.Now().Add(-ago).Format(time.RFC3339))
}

// histories are what happens before and after Valkey's data are copied, until they are
// put back.
var histories = []struct {
	name          string
	before, after func(r *rewinder, tenant string)
}{
	{"before a raw flush",
		func(r *rewinder, tenant string) { r.mustSend(tenant, "") },
		func(r *rewinder, tenant string) { r.flush() }},
	{"after a raw flush",
		func(r *rewinder, tenant string) { r.mustSend(tenant, ""); r.flush() },
		func(r *rewinder, tenant string) { r.mustSend(tenant, ""); r.flush() }},
	{"before a sum flush",
		func(r *rewinder, tenant string) { r.mustSend(tenant, ""); r.flush() },
		func(r *rewinder, tenant string) { r.Advance(time.Minute); r.flush() }},
	{"after a sum flush",
		func(r *rewinder, tenant string) { r.mustSend(tenant, ""); r.Advance(time.Minute); r.flush() },
		func(r *rewinder, tenant string) {
			r.mustSend(tenant, "")
			r.flush()
			r.mustSend(tenant, "")
			r.Advance(time.Minute)
			r.flush()
			r.mustSend(tenant, "")
			r.flush()
		}},
	{"after settled sums were dropped",
		func(r *rewinder, tenant string) { r.mustSend(tenant, ""); r.Advance(time.Minute); r.flush() },
		func(r *rewinder, tenant string) { r.flush(); r.Advance(time.Minute); r.flush() }},
	{"with late events",
		func(r *rewinder, tenant string) {
			r.mustSend(tenant, r.late(9*time.Minute))
			r.mustSend(tenant, r.late(20*24*time.Hour))
		},
		func(r *rewinder, tenant string) {
			r.mustSend(tenant, r.late(9*time.Minute))
			r.flush()
			r.mustSend(tenant, r.late(34*24*time.Hour))
			r.mustSend(tenant, r.late(-4*time.Minute)) // ahead
			r.flush()
			r.mustSend(tenant, r.late(time.Hour))
		}},
	{"with sealed batches",
		func(r *rewinder, tenant string) {
			r.mustSend(tenant, "")
			r.mustSend(tenant, r.late(time.Hour))
			r.Advance(time.Minute)
			r.crashAt(batch.StepDurable)
			r.mustSend(tenant, "")
		},
		func(r *rewinder, tenant string) { r.flush(); r.mustSend(tenant, ""); r.flush() }},
	{"with committed batches that were not acknowledged",
		func(r *rewinder, tenant string) {
			r.mustSend(tenant, "")
			r.Advance(time.Minute)
			r.crashAt(batch.StepCommit)
			r.mustSend(tenant, "")
		},
		func(r *rewinder, tenant string) { r.flush(); r.mustSend(tenant, ""); r.flush() }},
	{"with a flush that was committed last",
		func(r *rewinder, tenant string) { r.mustSend(tenant, "") },
		func(r *rewinder, tenant string) { r.Advance(time.Minute); r.crashAt(batch.StepCommit) }},
	{"with nothing flushed since",
		func(r *rewinder, tenant string) { r.mustSend(tenant, ""); r.flush() },
		func(r *rewinder, tenant string) { r.mustSend(tenant, ""); r.mustSend(tenant, "") }},
	{"amid a backlog of minutes",
		func(r *rewinder, tenant string) { r.mustSend(tenant, "") },
		func(r *rewinder, tenant string) {
			for range 3 * batchesPerFlush {
				r.mustSend(tenant, "")
				r.Advance(time.Minute)
			}
			r.crashAt(batch.StepAck)
		}},
}

// TestValkeyComesBackOlder puts back a copy of Valkey's data, or none. What Postgres
// has stays, what only the copy has is counted once, and somebody is told.
func TestValkeyComesBackOlder(t *testing.T) {
	r := newRewinder(t)
	for i, h := range histories {
		for _, empty := range []bool{false, true} {
			name, tenant := h.name, fmt.Sprintf("old %d", i)
			if empty {
				name, tenant = name+", to nothing", fmt.Sprintf("empty %d", i)
			}
			t.Run(name, func(t *testing.T) {
				r.in(t, tenant)
				h.before(r, tenant)
				copied := ""
				if !empty {
					copied = r.copyData()
				}
				h.after(r, tenant)
				before := r.rewinds()
				r.putBack(copied, nil)
				r.recovers(tenant, before)
			})
		}
	}
}

// recovers lets events come in and be flushed after a loss that somebody can know of,
// and compares.
func (r *rewinder) recovers(tenant string, before int) {
	r.Helper()
	there := append(r.inPostgres(), r.inValkey()...)
	accepted := 0
	if r.send(tenant, "") { // ingest need not know
		accepted++
	}
	r.flush()
	r.wantEvents(there, accepted)
	r.wantLiveSame()
	if n := r.rewinds() - before; n != 1 {
		r.Errorf("%d alarms, want 1", n)
	}
	if errs := r.errors(); len(errs) != 1 || !strings.Contains(errs[0], "flagmeter audit") {
		r.Errorf("errors logged: %q, want one that says what to do", errs)
	}
	r.mustSend(tenant, "")
	r.wantLiveOf(tenant, 1000+r.posted)
	r.settleAll()
	r.wantEvents(there, accepted+1)
	r.wantSame()
}

// wantLiveOf expects a tenant's live usage to be more than its events in Postgres.
func (r *rewinder) wantLiveOf(tenant string, more int64) {
	r.Helper()
	reader := r.Reader()
	if err := reader.Refresh(context.Background()); err != nil {
		r.Fatal(err)
	}
	u, err := reader.Tenant(context.Background(), tenant)
	if err != nil {
		r.Fatal(err)
	}
	settled := r.Count("SELECT coalesce(sum(tokens), 0) FROM events WHERE tenant = $1"+
		" AND created_at >= $2", tenant, u.Period.Start)
	if u.Used[meter.Tokens] != settled+more || u.Stale {
		r.Errorf("live usage %d (stale %v), want %d", u.Used[meter.Tokens], u.Stale, settled+more)
	}
}
