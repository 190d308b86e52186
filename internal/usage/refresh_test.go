package usage

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// bench is a reader with a clock in the test's hand. The interplay with flushers has
// a property test in package flusher; here are the cases it cannot reach.
type bench struct {
	*Live
	*clock.Clock
	env *stacktest.Env
	t   *testing.T
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Clock: clock.At(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)),
		env: stacktest.New(t), t: t}
	valkey := scripts.New(b.env.AppValkey, 1)
	dir := tenants.New(b.env.AppDB, valkey, slog.New(slog.DiscardHandler))
	b.Live = New(b.env.AppDB, valkey, dir, b.Now)
	b.exec(b.env.DB, "INSERT INTO tenants (name) VALUES ('acme'), ('globex')")
	return b
}

func (b *bench) exec(e sqlx.Execer, query string, args ...any) {
	b.t.Helper()
	if _, err := e.Exec(query, args...); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
}

// commitSum enters a sum batch of one event into the ledger and usage_daily.
func (b *bench) commitSum(e sqlx.Execer, tenant string, tokens int64) {
	b.t.Helper()
	b.exec(e, `INSERT INTO flushes (id, shard, kind, seq, rows, tokens, tenants)
		VALUES ($1, 0, 'sum', 0, 1, $2, ARRAY[$3])`,
		uuid.NewString(), tokens, tenant)
	b.exec(e, `INSERT INTO usage_daily AS u (tenant, day, feature, total_tokens, events)
		VALUES ($1, $2::date, 'chat', $3, 1)
		ON CONFLICT (tenant, day, feature) DO UPDATE SET total_tokens = u.total_tokens + excluded.total_tokens, events = u.events + 1`,
		tenant, b.Now().Format(time.DateOnly), tokens)
}

func (b *bench) refresh() {
	b.t.Helper()
	if err := b.Refresh(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(tenant string, tokens int64, stale bool) {
	b.t.Helper()
	u, err := b.Tenant(context.Background(), tenant)
	if err != nil {
		b.t.Fatal(err)
	}
	if u.Used[meter.Tokens] != tokens || u.Stale != stale {
		b.t.Errorf("%s: %d tokens, stale %v; want %d, %v", tenant, u.Used[meter.Tokens], u.Stale, tokens,
			stale)
	}
}

// TestRowOutOfOrder commits a ledger row after one with a larger number, and lets
// Valkey drop the batch before the view is renewed.
func TestRowOutOfOrder(t *testing.T) {
	b := newBench(t)
	early, err := b.env.DB.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer early.Rollback()
	b.commitSum(early, "acme", 5) // numbered, not visible
	b.commitSum(b.env.DB, "globex", 7)
	b.refresh()
	b.want("acme", 0, false)
	b.want("globex", 7, false)

	if err := early.Commit(); err != nil {
		t.Fatal(err)
	}
	b.Advance(Grace)
	b.refresh()
	b.want("acme", 5, false)
	b.want("globex", 7, false)
}

// TestViewIsContinued renews a view within the grace by its changes only.
func TestViewIsContinued(t *testing.T) {
	b := newBench(t)
	b.refresh()
	before := b.view.Load()
	b.commitSum(b.env.DB, "acme", 5)
	b.Advance(time.Second)
	b.refresh()
	after := b.view.Load()
	if after.tenants["globex"] != before.tenants["globex"] {
		t.Error("a tenant without a new batch was read again")
	}
	b.want("acme", 5, false)
	b.Advance(time.Second)
	b.refresh()
	if b.view.Load().tenants["acme"] != after.tenants["acme"] {
		t.Error("a tenant whose batch was known was read again")
	}
}

// TestStale expects stale exactly from the grace on, and before the first view.
func TestStale(t *testing.T) {
	b := newBench(t)
	if err := b.tenants.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := b.Read(b.tenants.All()); !r.Usage([]meter.Amounts{{1}, {2}}, b.Now())[0].Stale {
		t.Error("an answer without a view does not say stale")
	}
	b.refresh()
	b.Advance(Grace - time.Nanosecond)
	b.want("acme", 0, false)
	b.Advance(time.Nanosecond)
	b.want("acme", 0, true)
}

// TestPeriodEnds asks right after a period's end, before the view is renewed.
func TestPeriodEnds(t *testing.T) {
	b := newBench(t)
	b.Set(time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC))
	b.commitSum(b.env.DB, "acme", 5)
	b.refresh()
	b.want("acme", 5, false)
	acme, _ := b.tenants.Get("acme")
	b.Advance(time.Second)
	if r := b.Read(b.tenants.All()); !r.Usage(make([]meter.Amounts, 2), b.Now())[0].Stale {
		t.Error("an answer about a period that the view does not know does not say stale")
	}
	b.want("acme", 0, false)
	if got, want := b.view.Load().tenants["acme"].period, acme.Period(b.Now()); got != want {
		t.Errorf("view is about %v, want %v", got, want)
	}
}

// TestViewFromBeforeARecovery renews a view after a recovery whose ledger row became
// visible out of order: every tenant is read again.
func TestViewFromBeforeARecovery(t *testing.T) {
	b := newBench(t)
	recovery, err := b.env.DB.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer recovery.Rollback()
	b.exec(recovery, "INSERT INTO flushes (id, shard, kind, seq, rows, tokens) VALUES ($1, 0, "+
		"'rewind', $2, 0, 0)", uuid.NewString(), int64(ledger.Epoch))
	b.exec(recovery, "INSERT INTO usage_daily (tenant, day, feature, total_tokens, events) VALUES "+
		"('acme', '2026-03-10', 'chat', 5, 1)")
	b.commitSum(b.env.DB, "globex", 7)
	b.refresh()
	b.want("acme", 0, false)
	if err := recovery.Commit(); err != nil {
		t.Fatal(err)
	}
	b.refresh()
	b.want("acme", 5, true) // Valkey has not been told yet
	if err := b.env.Valkey.Set(context.Background(), "fm:{0}:seq", int64(ledger.Epoch),
		0).Err(); err != nil {
		t.Fatal(err)
	}
	b.want("acme", 5, false)
	b.want("globex", 7, false)
}
