package audit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/flusher/retention"
	"github.com/eduardosanzb/flagmeter/ingest"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// noon is when the tests begin: in the middle of a day and of a billing period.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// rig is the pipeline in one process on real stores, with a clock in the test's hand.
type rig struct {
	*stacktest.Env
	testing.TB
	url    string
	valkey *scripts.Valkey
	dir    *tenants.Directory

	mu sync.Mutex
	// fast is how many seconds of the rig a real one is; with 0 the clock stands still.
	fast  int
	start time.Time
	time  time.Time // at start
}

// newRig returns a rig with tenants in UTC.
func newRig(tb testing.TB, fast int, names ...string) *rig {
	tb.Helper()
	env := stacktest.New(tb)
	r := &rig{Env: env, TB: tb, valkey: scripts.New(env.AppValkey, 1), time: noon, fast: fast, start: time.Now()}
	for _, name := range names {
		r.exec("INSERT INTO tenants (name) VALUES ($1)", name)
	}
	r.dir = tenants.New(env.AppDB, r.valkey, quiet())
	r.reload()
	server := ingest.New(ingest.Options{
		Backend: backend.Backend{DB: env.AppDB, Valkey: r.valkey, Tenants: r.dir, Live: r.reader(),
			Now: r.now, Log: quiet()},
		Limits: commit.Settings{Dedupe: time.Hour}, Registry: prometheus.NewRegistry()})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r.url = "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, listener) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Errorf("ingest server: %v", err)
		}
	})
	partitions := retention.New(retention.Options{DB: r.AppDB, LongQueryDB: r.AppDB, Valkey: r.valkey,
		Now: r.now, Log: quiet(), Registerer: prometheus.NewRegistry()})
	if err := partitions.CreatePartitions(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return r
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.time.Add(time.Since(r.start) * time.Duration(r.fast))
}

// slowDown halves the speed of a clock that moves.
func (r *rig) slowDown() {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.time, r.start, r.fast = now, time.Now(), max(1, r.fast/2)
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.time = r.time.Add(d)
}

func (r *rig) reader() *usage.Live { return usage.New(r.AppDB, r.valkey, r.dir, r.now) }

func (r *rig) flusher() *flusher.Flusher {
	return flusher.New(flusher.Options{DB: r.AppDB, Valkey: r.valkey, Now: r.now, Log: quiet(), Registerer: prometheus.NewRegistry()})
}

// reload makes ingest know the tenants as they are in Postgres.
func (r *rig) reload() {
	r.Helper()
	if err := r.dir.Refresh(context.Background()); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) exec(query string, args ...any) {
	r.Helper()
	if _, err := r.DB.Exec(query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
}

func (r *rig) count(query string, args ...any) int64 {
	r.Helper()
	var n int64
	if err := r.DB.Get(&n, query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return n
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
		items = append(items, fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d%s}`, e.tenant, e.feature, e.tokens, timestamp))
	}
	res, err := http.Post(r.url+"/events", "application/json", strings.NewReader("["+strings.Join(items, ",")+"]"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("POST /events: %d %s", res.StatusCode, answer), err)
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
	r.advance(10 * time.Minute)
	f := r.flusher()
	for range 3 { // flush, learn that it is settled, drop
		if _, err := f.RunOnce(context.Background()); err != nil {
			r.Fatal(err)
		}
		r.advance(usage.Grace)
	}
}

func (r *rig) auditor() *audit.Auditor { return audit.New(r.AppDB, r.valkey, r.now) }

// lately is a range that holds all of a test's events.
func (r *rig) lately() audit.Query {
	return audit.Query{From: noon.Add(-48 * time.Hour), To: r.now().Add(time.Hour)}
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
		rows = append(rows, fmt.Sprintf("rollups %s/%s %s %+d/%+d", d.Tenant, d.Feature, d.Minute.Format("02T15:04"), d.Difference()[meter.Tokens], d.Difference()[meter.Events]))
	}
	for _, d := range report.Days {
		rows = append(rows, fmt.Sprintf("daily %s/%s %s %+d/%+d", d.Tenant, d.Feature, d.Day, d.Difference()[meter.Tokens], d.Difference()[meter.Events]))
	}
	for _, t := range report.Totals {
		if t.Unresolved {
			rows = append(rows, fmt.Sprintf("unresolved %s/%s %+d/%+d", t.Tenant, t.Feature, t.Difference()[meter.Tokens], t.Difference()[meter.Events]))
		}
	}
	return rows
}
