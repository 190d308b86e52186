package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/flusher/retention"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/pipeline"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// noon is when the tests begin: in the middle of a day and of a billing period.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// rig is the pipeline with a flusher and an auditor.
type rig struct{ *pipeline.Pipeline }

// newRig returns a rig with tenants in UTC. Its clock runs so many seconds in a real one; with 0 it
// stands still.
func newRig(tb testing.TB, fast int, names ...string) *rig {
	tb.Helper()
	env := stacktest.New(tb)
	for _, name := range names {
		env.Exec(tb, "INSERT INTO tenants (name) VALUES ($1)", name)
	}
	r := &rig{pipeline.New(tb, env, clock.Running(noon, fast), commit.Settings{Dedupe: time.Hour})}
	r.Reload()
	partitions := retention.New(retention.Options{DB: r.AppDB, LongQueryDB: r.AppDB,
		Valkey: r.Scripts, Now: r.Now, Log: quiet(), Registerer: prometheus.NewRegistry()})
	if err := partitions.CreatePartitions(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return r
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (r *rig) flusher() *flusher.Flusher {
	return flusher.New(flusher.Options{DB: r.AppDB, Valkey: r.Scripts, Now: r.Now, Log: quiet(),
		Registerer: prometheus.NewRegistry()})
}

// event is what a test sends; zero for at means now.
type event struct {
	tenant, feature string
	tokens          int64
	at              time.Time
}

func (r *rig) post(events ...event) {
	r.Helper()
	if err := r.tryPost(events...); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) tryPost(events ...event) error {
	var items []string
	for _, e := range events {
		timestamp := ""
		if !e.at.IsZero() {
			timestamp = fmt.Sprintf(`,"timestamp":%q`, e.at.Format(time.RFC3339Nano))
		}
		items = append(items, fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d%s}`,
			e.tenant, e.feature, e.tokens, timestamp))
	}
	a, err := r.API.TryPost(r.Context(), "["+strings.Join(items, ",")+"]")
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("POST /events: %d %s", a.Status, a.Body)
	}
	return err
}

func (r *rig) flush() {
	r.Helper()
	if _, err := r.flusher().RunOnce(context.Background()); err != nil {
		r.Fatal(err)
	}
}

// settle brings all that was posted into Postgres and out of Valkey.
func (r *rig) settle() {
	r.Helper()
	r.Advance(10 * time.Minute)
	f := r.flusher()
	for range 3 { // flush, learn that it is settled, drop
		if _, err := f.RunOnce(context.Background()); err != nil {
			r.Fatal(err)
		}
		r.Advance(usage.Grace)
	}
}

func (r *rig) auditor() *audit.Auditor { return audit.New(r.AppDB, r.Scripts, r.Now) }

// lately is a range that holds all of a test's events.
func (r *rig) lately() audit.Query {
	return audit.Query{From: noon.Add(-48 * time.Hour), To: r.Now().Add(time.Hour)}
}

func (r *rig) audit(q audit.Query) audit.Report {
	r.Helper()
	report, err := r.auditor().Audit(context.Background(), q)
	if err != nil {
		r.Fatal(err)
	}
	return report
}

func (r *rig) repair() audit.Report {
	r.Helper()
	report, err := r.auditor().Repair(context.Background(), r.lately())
	if err != nil {
		r.Fatal(err)
	}
	return report
}

// wantDrift expects exactly the given differences, in words.
func (r *rig) wantDrift(report audit.Report, want ...string) {
	r.Helper()
	got := drift(report)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		r.Errorf("drift is\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// drift is what a report found: table, row, and what the table has too much.
func drift(report audit.Report) (rows []string) {
	for _, d := range report.Minutes {
		rows = append(rows, fmt.Sprintf("rollups %s/%s %s %s", d.Tenant, d.Feature,
			d.Minute.Format("02T15:04"), tooMuch(d.Difference())))
	}
	for _, d := range report.Days {
		rows = append(rows, fmt.Sprintf("daily %s/%s %s %s", d.Tenant, d.Feature, d.Day,
			tooMuch(d.Difference())))
	}
	for _, t := range report.Totals {
		if t.Unresolved {
			rows = append(rows, fmt.Sprintf("unresolved %s/%s %s", t.Tenant, t.Feature,
				tooMuch(t.Difference())))
		}
	}
	return rows
}

func tooMuch(difference meter.Amounts) string {
	return fmt.Sprintf("%+d/%+d", difference[meter.Tokens], difference[meter.Events])
}
