package alerter

import (
	"crypto/sha256"
	"sync"
	"testing"
	"time"
)

// crossing makes one alert with one pending delivery, which nobody has claimed.
func (w *world) crossing(a *Alerter) {
	w.t.Helper()
	w.tenant("acme", 900, 1000, 80)
	w.webhook("acme", "/a")
	if r, err := a.check(w.t.Context()); err != nil || r.Fired != 1 {
		w.t.Fatalf("got %+v, %v", r, err)
	}
}

func (w *world) claim(a *Alerter, urls ...string) *delivery {
	w.t.Helper()
	var b busy
	for _, url := range urls {
		digest := sha256.Sum256([]byte(url))
		b.lanes = append(b.lanes, digest[:])
	}
	d, err := a.outbox.claim(w.t.Context(), w.clock(), b)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func TestACrashBetweenPostAndBookkeepingRepeatsTheMessageOnce(t *testing.T) {
	w := newWorld(t)
	crashed := w.alerter()
	w.crossing(crashed)
	if r := crashed.post(t.Context(), w.claim(crashed), crashed.log); !r.delivered() {
		t.Fatal(r.reason)
	}

	next := w.alerter()
	w.advance(lease - time.Millisecond)
	if r := w.run(next); r != (Result{Tenants: 1}) {
		t.Errorf("within the lease: got %+v", r)
	}
	w.advance(time.Millisecond)
	if r := w.run(next); r != (Result{Tenants: 1, Delivered: 1}) {
		t.Errorf("after the lease: got %+v", r)
	}
	w.advance(time.Hour)
	w.run(next)
	got := w.wantMessages("acme", "acme")
	if got[0] != got[1] || got[0].alert() == "" || got[0].id == "" {
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
			d, err := a.outbox.claim(t.Context(), w.clock(), busy{})
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
	if n := w.count("deliveries WHERE attempts = 1"); n != 1 {
		t.Errorf("got %d claimed deliveries, want 1", n)
	}
}

func TestClaimPassesOverBusyWebhooks(t *testing.T) {
	w := newWorld(t)
	a := w.alerter(func(o *Options) { o.DefaultURL = w.slack.URL + "/default" })
	w.crossing(a)
	w.tenant("zeta", 900, 1000, 80) // has no webhook: the default
	if _, err := a.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	acme, byDefault := w.slack.URL+"/a", w.slack.URL+"/default"
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
		record func(a *Alerter, late *delivery, w *world) error
		want   string
	}{
		{"retry", func(a *Alerter, late *delivery, w *world) error {
			return a.outbox.record(w.t.Context(), late, reply{reason: "late"}, outcomeRetried,
				w.clock(), w.clock())
		}, "status = 'pending' AND last_error IS NULL AND next_attempt_at > '2026-11-20 12:00:30+00'"},
		{"dead", func(a *Alerter, late *delivery, w *world) error {
			return a.outbox.record(w.t.Context(), late, reply{reason: "late"}, outcomeDead,
				w.clock(), w.clock())
		}, "status = 'pending' AND last_error IS NULL"},
		{"delivered counts whoever says it", func(a *Alerter, late *delivery, w *world) error {
			return a.outbox.record(w.t.Context(), late, reply{status: 200}, outcomeDelivered,
				w.clock(), w.clock())
		}, "status = 'delivered'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.alerter()
			w.crossing(a)
			late := w.claim(a)
			w.advance(lease)
			if next := w.claim(a); next == nil || next.Attempts != 2 {
				t.Fatalf("got %+v", next)
			}
			if err := tt.record(a, late, w); err != nil {
				t.Fatal(err)
			}
			if w.count("deliveries WHERE "+tt.want) != 1 {
				t.Errorf("want %s; got %s", tt.want, w.dump())
			}
		})
	}
	t.Run("nothing reopens a delivered one", func(t *testing.T) {
		w := newWorld(t)
		a := w.alerter()
		w.crossing(a)
		d := w.claim(a)
		if err := a.outbox.record(t.Context(), d, reply{status: 200}, outcomeDelivered, w.clock(),
			w.clock()); err != nil {
			t.Fatal(err)
		}
		for _, outcome := range []string{outcomeRetried, outcomeDead} {
			err := a.outbox.record(t.Context(), d, reply{reason: "late"}, outcome, w.clock(), w.clock())
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := w.count("deliveries WHERE status = 'delivered' AND last_error IS NULL"); n != 1 {
			t.Errorf("got %s", w.dump())
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
		w.advance(-back)
		d := w.claim(a)
		if d == nil || d.Attempts != 1 {
			t.Fatalf("back by %s: got %+v for one that was never tried", back, d)
		}
		if d := w.claim(a); d != nil {
			t.Errorf("back by %s: got %+v within its lease", back, d)
		}
		w.advance(-back)
		if d := w.claim(a); (d != nil) != (back > giveUp) {
			t.Errorf("back by %s again: got %+v", back, d)
		}
	}
}
