package alertertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/slacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Noon is the time at which the clock of a World starts.
var Noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Secret stands for the part of a webhook's URL that must not appear anywhere.
const Secret = "xoxsecretxox"

// World is a real Postgres, a stand-in for Slack, a clock that the test sets, and tenants whose
// usage the test sets. It is the alerter's UsageReader and Changes.
type World struct {
	T     testing.TB
	DB    *sqlx.DB // the operator's
	App   *sqlx.DB // the alerter's
	Slack *slacktest.Inbox
	Logs  *Buffer

	clock   *clock.Clock
	mu      sync.Mutex
	tenants []meter.Usage // Period is filled in by All
	reading func()        // called by All, if set
}

// New starts a world at Noon, without tenants.
func New(t testing.TB) *World {
	t.Helper()
	env := stacktest.New(t)
	return &World{T: t, DB: env.DB, App: env.AppDB, Slack: slacktest.NewInbox(t),
		Logs: &Buffer{}, clock: clock.At(Noon)}
}

// Clock is the time that the test has set.
func (w *World) Clock() time.Time { return w.clock.Now() }

// SetClock moves the clock to now.
func (w *World) SetClock(now time.Time) { w.clock.Set(now) }

// OnRead makes each All call f.
func (w *World) OnRead(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reading = f
}

// Advance moves the clock.
func (w *World) Advance(d time.Duration) { w.clock.Advance(d) }

// Next names all tenants every time. Tests of changes use the real implementation.
func (w *World) Next(context.Context) ([]string, bool, error) { return nil, true, nil }

// Of returns what All returns, for some tenants.
func (w *World) Of(ctx context.Context, names []string) (some []meter.Usage, err error) {
	all, err := w.All(ctx)
	for _, u := range all {
		if slices.Contains(names, u.Tenant.Name) {
			some = append(some, u)
		}
	}
	return some, err
}

// Tenant returns what All returns, for one tenant.
func (w *World) Tenant(_ context.Context, name string) (meter.Usage, error) {
	for _, u := range w.usages() {
		if u.Tenant.Name == name {
			return u, nil
		}
	}
	return meter.Usage{}, fmt.Errorf("no tenant %q", name)
}

// All returns the usage that the test has set.
func (w *World) All(context.Context) ([]meter.Usage, error) {
	w.mu.Lock()
	reading := w.reading
	w.mu.Unlock()
	if reading != nil {
		reading()
	}
	return w.usages(), nil
}

func (w *World) usages() []meter.Usage {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, all := w.clock.Now(), make([]meter.Usage, len(w.tenants))
	for i, u := range w.tenants {
		u.Period, u.AsOf = u.Tenant.Period(now), now
		all[i] = u
	}
	return all
}

// AddTenant adds a tenant whose period starts on the first of the month.
func (w *World) AddTenant(name string, tokens, quota int64, thresholds ...int) {
	w.T.Helper()
	w.Exec("INSERT INTO tenants (name) VALUES ($1)", name)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tenants = append(w.tenants, meter.Usage{Used: meter.Amounts{meter.Tokens: tokens},
		Tenant: meter.Tenant{
			Name: name, Quota: quota, BillingDay: 1, Zone: time.UTC, Thresholds: thresholds}})
}

// Change edits a tenant's usage.
func (w *World) Change(name string, edit func(*meter.Usage)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.tenants {
		if w.tenants[i].Tenant.Name == name {
			edit(&w.tenants[i])
		}
	}
}

// AddSlack adds an enabled webhook that leads to the world's Slack, at path.
func (w *World) AddSlack(tenant, path string) {
	w.T.Helper()
	w.Exec("INSERT INTO slack_webhooks (tenant, url) VALUES ($1, $2)", tenant, w.Slack.URL+path)
}

// Exec runs a statement as the operator.
func (w *World) Exec(query string, args ...any) {
	w.T.Helper()
	if _, err := w.DB.Exec(query, args...); err != nil {
		w.T.Fatal(err)
	}
}

// Lock runs a query in a transaction that keeps its locks until release is called.
func (w *World) Lock(query string) (release func()) {
	w.T.Helper()
	tx, err := w.DB.Begin()
	if err != nil {
		w.T.Fatal(err)
	}
	if _, err := tx.Exec(query); err != nil {
		w.T.Fatal(err)
	}
	return func() { tx.Rollback() }
}

// AwaitBlocked returns when a statement waits for such a lock.
func (w *World) AwaitBlocked() {
	w.T.Helper()
	const waiting = "pg_stat_activity WHERE datname = current_database()" +
		" AND wait_event_type = 'Lock'"
	for w.Count(waiting) == 0 {
		if w.T.Context().Err() != nil {
			return
		}
	}
}

// Count returns the number of rows, for example of "alerts WHERE cleared_at IS NULL".
func (w *World) Count(from string) (n int) {
	w.T.Helper()
	if err := w.DB.Get(&n, "SELECT count(*) FROM "+from); err != nil {
		w.T.Fatal(err)
	}
	return n
}

// Dump returns every row of alerts, deliveries and their attempts, with the transaction that wrote
// it.
func (w *World) Dump() (rows string) {
	w.T.Helper()
	err := w.DB.Get(&rows, `
		SELECT coalesce(string_agg(row, E'\n' ORDER BY row), '') FROM (
			SELECT concat(xmin, ' ', ctid, ' ', a) AS row FROM alerts a
			UNION ALL
			SELECT concat(xmin, ' ', ctid, ' ', d) FROM deliveries d
			UNION ALL
			SELECT concat(xmin, ' ', ctid, ' ', t) FROM delivery_attempts t) rows`)
	if err != nil {
		w.T.Fatal(err)
	}
	return rows
}

// WantMessages fails the test unless exactly these came, each given by a part of its text.
func (w *World) WantMessages(parts ...string) []slacktest.Received {
	w.T.Helper()
	got := w.Slack.Got()
	if len(got) != len(parts) {
		w.T.Fatalf("got %d messages, want %d: %q", len(got), len(parts), got)
	}
	for i, part := range parts {
		if !strings.Contains(got[i].Text, part) {
			w.T.Errorf("message %d is %q, want %q in it", i, got[i].Text, part)
		}
	}
	return got
}
