package flusher

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// tables are what a flush writes.
var tables = []string{"events", "flushes", "rollups", "usage_daily"}

// saveTables keeps the tables as they are, which loseTables puts back.
func (r *rewinder) saveTables() {
	r.Helper()
	for _, table := range tables {
		r.Exec("CREATE TABLE saved_" + table + " AS TABLE " + table)
	}
}

func (r *rewinder) loseTables() {
	r.Helper()
	for _, table := range tables {
		r.Exec("TRUNCATE " + table)
		r.Exec("INSERT INTO " + table + " OVERRIDING SYSTEM VALUE TABLE saved_" + table)
		r.Exec("DROP TABLE saved_" + table)
	}
}

// TestAdoptionAfterACrash restores an older Postgres and lets the flusher end after each step of
// the adoption. Here ingest is not even stopped.
func TestAdoptionAfterACrash(t *testing.T) {
	r := newRewinder(t)
	for at := batch.StepSealAll; at <= batch.StepResume; at++ {
		t.Run(fmt.Sprint("step ", int(at)), func(t *testing.T) {
			tenant := fmt.Sprint("restored ", int(at))
			r.in(t, tenant)
			r.mustSend(tenant, `,"id":"kept"`)
			r.flush()
			r.Advance(time.Minute)
			r.flush()
			r.saveTables()
			there := r.inPostgres()
			r.mustSend(tenant, `,"id":"lost"`)
			r.flush()
			r.Advance(time.Minute)
			r.flush()
			r.mustSend(tenant, `,"id":"in Valkey"`)
			r.flush() // its sum waits, without its event
			r.mustSend(tenant, `,"id":"waits"`)
			there = append(there, r.inValkey()...)
			r.loseTables()
			seq, err := ledger.End(context.Background(), r.DB, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Scripts.MarkRestored(context.Background(), 0, seq); err != nil {
				t.Fatal(err)
			}
			if r.send(tenant, "") {
				t.Error("an event was accepted before the adoption")
			}
			r.crashAt(at)
			r.flush()
			r.wantEvents(there, 0)
			r.wantLiveSame()
			if errs := r.errors(); len(errs) != 0 {
				t.Errorf("errors logged: %q", errs)
			}
			for _, id := range []string{"kept", "waits", "lost", "in Valkey"} { // the last two are new
				r.mustSend(tenant, fmt.Sprintf(`,"id":%q`, id))
			}
			r.settleAll()
			r.wantEvents(there, 2)
			r.wantSame()
		})
	}
}
