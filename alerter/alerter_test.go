package alerter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestACrossingFiresOnce(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 799_999, 1_000_000, 80)
	w.AddSlack("acme", "/a")
	a := w.alerter()

	if r := w.run(a); r != (Result{Tenants: 1}) {
		t.Errorf("below: got %+v", r)
	}
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 800_000 })
	if r := w.run(a); r != (Result{Tenants: 1, Fired: 1, Delivered: 1}) {
		t.Errorf("crossing: got %+v", r)
	}
	for range 20 {
		w.Advance(5 * time.Second)
		w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] += 1000 })
		if r := w.run(a); r != (Result{Tenants: 1}) {
			t.Errorf("above: got %+v", r)
		}
	}
	w.WantMessages("acme has used 80% of its quota: 800,000 / 1,000,000 tokens")
	if n := w.Count("alerts WHERE tenant = 'acme' AND threshold = 80 AND used = 800000 AND quota" +
		" = 1000000 AND period_start = '2026-11-01' AND period_end = '2026-12-01'"); n != 1 {
		t.Errorf("got %d such alerts, want 1", n)
	}
	n := w.Count("deliveries WHERE status = 'delivered' AND attempts = 1 AND last_error IS NULL")
	if n != 1 {
		t.Errorf("got %d such deliveries, want 1", n)
	}
}

func TestRunOnceWritesNothingWhenNothingChanged(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("above", 900, 1000, 80, 100)
	w.AddTenant("below", 100, 1000, 80)
	w.AddTenant("free", 100, 0, 80)
	w.AddSlack("above", "/a")
	a := w.alerter()
	w.run(a)
	before := w.Dump()
	if !strings.Contains(before, "delivered") {
		t.Fatalf("the test has nothing to compare: %s", before)
	}
	for range 3 {
		w.Advance(5 * time.Second)
		w.run(a)
	}
	if after := w.Dump(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func TestRacingAlertersSendOneMessage(t *testing.T) {
	w := newWorld(t)
	const tenants = 20
	for i := range tenants {
		name := fmt.Sprintf("tenant-%02d", i)
		w.AddTenant(name, 1200, 1000, 50, 80, 100)
		w.AddSlack(name, "/"+name)
	}
	// Both have read that no alert is open before either goes on.
	var read sync.WaitGroup
	read.Add(2)
	w.OnRead(func() { read.Done(); read.Wait() })

	var results [2]Result
	var done sync.WaitGroup
	for i := range results {
		a := w.alerter()
		done.Go(func() {
			var err error
			if results[i], err = a.RunOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if fired := results[0].Fired + results[1].Fired; fired != 3*tenants {
		t.Errorf("fired %d, want %d", fired, 3*tenants)
	}
	if n := w.Count("alerts"); n != 3*tenants {
		t.Errorf("got %d alerts, want %d", n, 3*tenants)
	}
	seen := map[string]int{}
	for _, m := range w.Slack.Got() {
		seen[m.Path]++
	}
	for path, n := range seen {
		if n != 1 {
			t.Errorf("%s got %d messages", path, n)
		}
	}
	if len(seen) != tenants {
		t.Errorf("%d tenants got a message, want %d", len(seen), tenants)
	}
}

func TestAJumpOverThresholdsSendsOneMessage(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 1100, 1000, 50, 80, 100, 120)
	w.AddSlack("acme", "/a")
	a := w.alerter()
	if r := w.run(a); r.Fired != 3 || r.Delivered != 1 {
		t.Errorf("got %+v", r)
	}
	w.WantMessages("Threshold 100%")
	w.Advance(time.Second)
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 1200 })
	w.run(a)
	w.WantMessages("Threshold 100%", "Threshold 120%")
}

func TestARaisedQuotaArmsTheThresholdAgain(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	a := w.alerter()
	w.run(a)
	w.Advance(time.Minute)
	w.Change("acme", func(u *meter.Usage) { u.Tenant.Quota = 2000 })
	if r := w.run(a); r != (Result{Tenants: 1, Cleared: 1}) {
		t.Errorf("raised: got %+v", r)
	}
	if n := w.Count("alerts WHERE cleared_at = '2026-11-20 12:01:00+00'"); n != 1 {
		t.Errorf("got %d cleared alerts, want 1", n)
	}
	w.Advance(time.Minute)
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 1600 })
	if r := w.run(a); r != (Result{Tenants: 1, Fired: 1, Delivered: 1}) {
		t.Errorf("crossed again: got %+v", r)
	}
	got := w.WantMessages("900 / 1,000", "1,600 / 2,000")
	if got[0].Alert() == got[1].Alert() {
		t.Error("the second crossing has the id of the first")
	}
}

// An alerter that still sees the old quota would otherwise clear what the other
// has just fired, or the other way round, and each turn would send a message.
func TestADecisionIsNotReversedWithinTwoSeconds(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	a := w.alerter()
	quota := func(q int64) { w.Change("acme", func(u *meter.Usage) { u.Tenant.Quota = q }) }

	w.run(a)
	w.Advance(firmFor - time.Millisecond)
	quota(2000)
	if r := w.run(a); r.Cleared != 0 {
		t.Errorf("cleared right after it fired: %+v", r)
	}
	w.Advance(time.Millisecond)
	if r := w.run(a); r.Cleared != 1 {
		t.Errorf("not cleared: %+v", r)
	}
	w.Advance(firmFor - time.Millisecond)
	quota(1000)
	if r := w.run(a); r.Fired != 0 {
		t.Errorf("fired right after it was cleared: %+v", r)
	}
	w.Advance(time.Millisecond)
	if r := w.run(a); r.Fired != 1 {
		t.Errorf("not fired: %+v", r)
	}
}

func TestANewPeriodCanFireAgain(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	a := w.alerter()
	w.run(a)
	w.Advance(11 * 24 * time.Hour) // December 1st
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 10 })
	if r := w.run(a); r != (Result{Tenants: 1, Cleared: 1}) {
		t.Errorf("new period: got %+v", r)
	}
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 850 })
	if r := w.run(a); r != (Result{Tenants: 1, Fired: 1, Delivered: 1}) {
		t.Errorf("crossed: got %+v", r)
	}
	w.WantMessages("2026-11-01 to 2026-11-30", "2026-12-01 to 2026-12-31")
}

// The clock of one alerter is 3 s behind at the turn of the month.
func TestALateClockDoesNotFireInAPeriodThatIsOver(t *testing.T) {
	w := newWorld(t)
	w.SetClock(time.Date(2026, 11, 30, 23, 59, 0, 0, time.UTC))
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	ahead := w.alerter()
	late := w.alerter(func(o *options) {
		clock := func() time.Time { return w.Clock().Add(-3 * time.Second) }
		o.Now = clock
		o.Usage = usageFunc{w, func(all []meter.Usage) ([]meter.Usage, error) {
			for i := range all {
				all[i].Period = all[i].Tenant.Period(clock())
				all[i].Used[meter.Tokens] = 900 // the old period's figure
			}
			return all, nil
		}}
	})
	w.run(ahead)
	w.Advance(time.Minute)
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 0 })
	if r := w.run(ahead); r.Cleared != 1 {
		t.Fatalf("got %+v", r)
	}
	if r := w.run(late); r.Fired != 0 {
		t.Errorf("the late clock fired: %+v", r)
	}
	w.WantMessages("2026-11-01 to 2026-11-30")
}

// usageFunc is what the world says, changed.
type usageFunc struct {
	*world
	change func([]meter.Usage) ([]meter.Usage, error)
}

func (f usageFunc) All(ctx context.Context) ([]meter.Usage, error) {
	all, err := f.world.All(ctx)
	if err != nil {
		return nil, err
	}
	return f.change(all)
}

func (f usageFunc) Tenant(ctx context.Context, name string) (meter.Usage, error) {
	u, err := f.world.Tenant(ctx, name)
	if err != nil {
		return u, err
	}
	one, err := f.change([]meter.Usage{u})
	if err != nil {
		return u, err
	}
	return one[0], nil
}

func TestOneTenantsErrorDoesNotKeepTheOthersFromTheirAlerts(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddTenant("ghost", 900, 1000, 80)
	w.AddTenant("zeta", 900, 1000, 80)
	stacktest.ForgetTenants(t, w.DB, "ghost") // its alerts violate the foreign key
	r, err := w.alerter().RunOnce(t.Context())
	if err == nil || !strings.Contains(err.Error(), `"ghost"`) {
		t.Errorf("got error %v", err)
	}
	if r.Fired != 2 || w.Count("alerts WHERE tenant IN ('acme', 'zeta')") != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestAnOutageOfTheFiguresDoesNotHoldUpDeliveries(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	a := w.alerter()
	if _, err := a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	broken := w.alerter(func(o *options) {
		o.Usage = usageFunc{w,
			func([]meter.Usage) ([]meter.Usage, error) { return nil, errors.New("no Valkey") }}
	})
	r, err := broken.RunOnce(t.Context())
	if err == nil || r.Delivered != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	w.WantMessages("acme")
}

func TestNothingIsBegunAfterTheContextHasEnded(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	ctx, cancel := context.WithCancel(t.Context())
	w.OnRead(cancel)
	if _, err := w.alerter().RunOnce(ctx); err == nil {
		t.Error("a cut short run reports success")
	}
	w.WantMessages()
	if n := w.Count("alerts"); n != 0 {
		t.Errorf("got %d alerts", n)
	}
}

func TestTheTransactionInHandIsFinished(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	a := w.alerter()
	release := w.Lock("SELECT FROM tenants FOR UPDATE") // an alert refers to its tenant
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan Result)
	go func() {
		r, _ := a.RunOnce(ctx)
		ended <- r
	}()
	w.AwaitBlocked()
	cancel()
	release()
	if r := <-ended; r.Fired != 1 || r.Delivered != 0 {
		t.Errorf("got %+v", r)
	}
	if w.Count("alerts") != 1 || w.Count("deliveries WHERE attempts = 0") != 1 {
		t.Errorf("got %s", w.Dump())
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 50, 80)
	w.AddSlack("acme", "/a")
	w.AddTenant("zeta", 900, 1000, 80)
	w.AddSlack("zeta", "/z")
	w.Slack.Answers(alertertest.Status(500))
	registry := prometheus.NewRegistry()
	a := w.alerter(func(o *options) { o.Registerer = registry })
	w.run(a)
	w.Slack.Answers(alertertest.Status(400))
	w.Advance(time.Minute)
	w.Change("acme", func(u *meter.Usage) { u.Tenant.Quota = 10_000 })
	w.run(a)

	want := `
# HELP flagmeter_alerter_alerts_cleared_total Alerts cleared, by reason.
# TYPE flagmeter_alerter_alerts_cleared_total counter
flagmeter_alerter_alerts_cleared_total{reason="period over"} 0
flagmeter_alerter_alerts_cleared_total{reason="re-armed"} 2
# HELP flagmeter_alerter_alerts_fired_total Alerts fired: one per tenant, billing period and threshold reached.
# TYPE flagmeter_alerter_alerts_fired_total counter
flagmeter_alerter_alerts_fired_total 3
# HELP flagmeter_alerter_deliveries_total Attempts to deliver an alert, by outcome.
# TYPE flagmeter_alerter_deliveries_total counter
flagmeter_alerter_deliveries_total{outcome="dead"} 2
flagmeter_alerter_deliveries_total{outcome="delivered"} 0
flagmeter_alerter_deliveries_total{outcome="retried"} 2
# HELP flagmeter_alerter_pending_deliveries Deliveries in the outbox that are neither delivered nor dead.
# TYPE flagmeter_alerter_pending_deliveries gauge
flagmeter_alerter_pending_deliveries 2
# HELP flagmeter_alerter_ticks_total Comparisons of usage with thresholds, by outcome.
# TYPE flagmeter_alerter_ticks_total counter
flagmeter_alerter_ticks_total{outcome="error"} 0
flagmeter_alerter_ticks_total{outcome="ok"} 2
`
	err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"flagmeter_alerter_alerts_cleared_total", "flagmeter_alerter_alerts_fired_total",
		"flagmeter_alerter_deliveries_total", "flagmeter_alerter_pending_deliveries",
		"flagmeter_alerter_ticks_total")
	if err != nil {
		t.Error(err)
	}
	metricstest.Lint(t, registry)
}
