package outbox_test

import (
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter"
	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
)

// crossing makes one alert with one pending delivery, which nobody has claimed.
func (w *world) crossing(a role) {
	w.T.Helper()
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	if r, err := a.Check(w.T.Context()); err != nil || r.Fired != 1 {
		w.T.Fatalf("got %+v, %v", r, err)
	}
}

func (w *world) claim(a role, busyURLs ...string) *outbox.Delivery {
	w.T.Helper()
	d, err := a.outbox.Claim(w.T.Context(), busyURLs...)
	if err != nil {
		w.T.Fatal(err)
	}
	return d
}

func TestACrashBetweenPostAndBookkeepingRepeatsTheMessageOnce(t *testing.T) {
	w := newWorld(t)
	crashed := w.alerter()
	w.crossing(crashed)
	if r := crashed.outbox.Post(t.Context(), w.claim(crashed)); !r.Delivered() {
		t.Fatal(r.Reason)
	}

	next := w.alerter()
	w.Advance(outbox.Lease - time.Millisecond)
	if r := w.run(next); r != (alerter.Result{Tenants: 1}) {
		t.Errorf("within the lease: got %+v", r)
	}
	w.Advance(time.Millisecond)
	if r := w.run(next); r != (alerter.Result{Tenants: 1, Delivered: 1}) {
		t.Errorf("after the lease: got %+v", r)
	}
	w.Advance(time.Hour)
	w.run(next)
	got := w.WantMessages("acme", "acme")
	if got[0] != got[1] || got[0].Alert() == "" || got[0].ID == "" {
		t.Errorf("the repeated message differs: %q", got)
	}
}

func TestOneOfManyGetsTheClaim(t *testing.T) {
	w := newWorld(t)
	a := w.alerter()
	w.crossing(a)
	var claims sync.Map
	var done sync.WaitGroup
	for range 16 {
		done.Go(func() {
			d, err := a.outbox.Claim(t.Context())
			if err != nil {
				t.Error(err)
			}
			if d != nil {
				if _, twice := claims.LoadOrStore(d.ID, d); twice {
					t.Errorf("%s was claimed twice", d.ID)
				}
			}
		})
	}
	done.Wait()
	if n := w.Count("deliveries WHERE attempts = 1"); n != 1 {
		t.Errorf("got %d claimed deliveries, want 1", n)
	}
}

func TestClaimPassesOverBusyWebhooks(t *testing.T) {
	w := newWorld(t)
	a := w.alerter(func(o *outbox.Options) { o.DefaultURL = w.Slack.URL + "/default" })
	w.crossing(a)
	w.AddTenant("zeta", 900, 1000, 80) // has no webhook: the default
	if _, err := a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	acme, byDefault := w.Slack.URL+"/a", w.Slack.URL+"/default"
	if d := w.claim(a, acme, byDefault); d != nil {
		t.Errorf("claimed %+v although both webhooks are busy", d)
	}
	if d := w.claim(a, acme); d == nil || d.Tenant != "zeta" {
		t.Errorf("got %+v, want zeta's", d)
	}
	if d := w.claim(a, byDefault); d == nil || d.Tenant != "acme" {
		t.Errorf("got %+v, want acme's", d)
	}
}

// A sender that was paused for longer than its lease comes back after another has
// taken over.
func TestALateSenderDoesNotOverwriteTheNextOnesResult(t *testing.T) {
	tests := []struct {
		name   string
		record func(a role, late *outbox.Delivery, w *world) error
		want   string
	}{
		{"retry", func(a role, late *outbox.Delivery, w *world) error {
			return a.outbox.Record(w.T.Context(), late, notify.Reply{Reason: "late"}, outbox.OutcomeRetried)
		}, "status = 'pending' AND last_error IS NULL AND next_attempt_at > '2026-11-20 12:00:30+00'"},
		{"dead", func(a role, late *outbox.Delivery, w *world) error {
			return a.outbox.Record(w.T.Context(), late, notify.Reply{Reason: "late"}, outbox.OutcomeDead)
		}, "status = 'pending' AND last_error IS NULL"},
		{"delivered counts, also from an old claim", func(a role, late *outbox.Delivery, w *world) error {
			return a.outbox.Record(w.T.Context(), late, notify.Reply{Status: 200}, outbox.OutcomeDelivered)
		}, "status = 'delivered'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.alerter()
			w.crossing(a)
			late := w.claim(a)
			w.Advance(outbox.Lease)
			if next := w.claim(a); next == nil || next.Attempts != 2 {
				t.Fatalf("got %+v", next)
			}
			if err := tt.record(a, late, w); err != nil {
				t.Fatal(err)
			}
			if w.Count("deliveries WHERE "+tt.want) != 1 {
				t.Errorf("want %s; got %s", tt.want, w.Dump())
			}
		})
	}
	t.Run("nothing reopens a delivered one", func(t *testing.T) {
		w := newWorld(t)
		a := w.alerter()
		w.crossing(a)
		d := w.claim(a)
		delivered := notify.Reply{Status: 200}
		if err := a.outbox.Record(t.Context(), d, delivered, outbox.OutcomeDelivered); err != nil {
			t.Fatal(err)
		}
		for _, outcome := range []string{outbox.OutcomeRetried, outbox.OutcomeDead} {
			err := a.outbox.Record(t.Context(), d, notify.Reply{Reason: "late"}, outcome)
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := w.Count("deliveries WHERE status = 'delivered' AND last_error IS NULL"); n != 1 {
			t.Errorf("got %s", w.Dump())
		}
	})
}

// TestASetClockHoldsUpNothing sets the clock back, by an hour and by a month, before a delivery
// was tried and while it was being tried.
func TestASetClockHoldsUpNothing(t *testing.T) {
	for _, back := range []time.Duration{time.Hour, 30 * 24 * time.Hour} {
		w := newWorld(t)
		a := w.alerter()
		w.crossing(a)
		w.Advance(-back)
		d := w.claim(a)
		if d == nil || d.Attempts != 1 {
			t.Fatalf("back by %s: got %+v for one that was never tried", back, d)
		}
		if d := w.claim(a); d != nil {
			t.Errorf("back by %s: got %+v within its lease", back, d)
		}
		w.Advance(-back)
		if d := w.claim(a); (d != nil) != (back > outbox.GiveUp) {
			t.Errorf("back by %s again: got %+v", back, d)
		}
	}
}
