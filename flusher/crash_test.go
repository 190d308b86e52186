package flusher

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// settle flushes with a new process until nothing is left to do.
func (r *rig) settle() {
	r.Helper()
	if _, err := r.flusher().RunOnce(context.Background()); err != nil {
		r.Fatal(err)
	}
}

// wantTokens expects every place that counts tokens to say the same.
func (r *rig) wantTokens(tenant string, tokens, events int64) {
	r.Helper()
	for what, query := range map[string]string{
		"tokens in events":  "SELECT coalesce(sum(tokens), 0) FROM events WHERE tenant = $1",
		"tokens in rollups": "SELECT coalesce(sum(total_tokens), 0) FROM rollups WHERE tenant = $1",
		"tokens in usage_daily": "SELECT coalesce(sum(total_tokens), 0) FROM usage_daily" +
			" WHERE tenant = $1",
	} {
		if got := r.Count(query, tenant); got != tokens {
			r.Errorf("%s: %d, want %d", what, got, tokens)
		}
	}
	for what, query := range map[string]string{
		"rows of events":        "SELECT count(*) FROM events WHERE tenant = $1",
		"events in rollups":     "SELECT coalesce(sum(events), 0) FROM rollups WHERE tenant = $1",
		"events in usage_daily": "SELECT coalesce(sum(events), 0) FROM usage_daily WHERE tenant = $1",
	} {
		if got := r.Count(query, tenant); got != events {
			r.Errorf("%s: %d, want %d", what, got, events)
		}
	}
	r.wantLive(tenant, tokens)
}

// wantLive expects a reader with a new view to say tokens.
func (r *rig) wantLive(tenant string, tokens int64) {
	r.Helper()
	reader := r.Reader()
	if err := reader.Refresh(context.Background()); err != nil {
		r.Fatal(err)
	}
	u, err := reader.Tenant(context.Background(), tenant)
	if err != nil {
		r.Fatal(err)
	}
	if u.Used[meter.Tokens] != tokens || u.Stale {
		r.Errorf("live usage: %d (stale %v), want %d", u.Used[meter.Tokens], u.Stale, tokens)
	}
}

func newRigWith(t *testing.T, tenants ...string) *rig {
	t.Helper()
	r := newRig(t, stacktest.New(t))
	for _, name := range tenants {
		r.addTenant(name, "UTC", 1)
	}
	r.Reload()
	return r
}

// TestCrashAfterEachStep ends a flusher after each numbered step in turn. Nothing is
// lost or doubled, and live usage is exact right after the crash.
func TestCrashAfterEachStep(t *testing.T) {
	for at := batch.StepDurable; at <= batch.StepDrop; at++ {
		t.Run(fmt.Sprintf("step %d", at), func(t *testing.T) {
			r := newRigWith(t, "acme")
			var tokens, events int64
			post := func() {
				events++
				tokens += 100 + events
				r.mustPost("acme", "chat", 100+events)
			}
			post()
			r.Advance(time.Minute) // closes the minute
			r.settle()             // leaves a settled batch, so that there is something to drop
			post()
			r.Advance(time.Minute)
			post()

			f := r.flusher()
			reached := false
			f.after = func(s batch.Step) error {
				if s != at {
					return nil
				}
				reached = true
				return errCrash
			}
			for range 2 { // the second run drops what the first has known for the grace
				if _, err := f.RunOnce(context.Background()); err != nil && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				if reached {
					break
				}
				r.Advance(31 * time.Second)
			}
			if !reached {
				t.Fatalf("step %d was never reached", at)
			}
			r.wantLive("acme", tokens)

			post()
			r.Advance(2 * time.Minute)
			r.settle()
			r.wantTokens("acme", tokens, events)
		})
	}
}

// TestTwoFlushersRace lets four flushers fight over the same batches while events
// keep coming.
func TestTwoFlushersRace(t *testing.T) {
	r := newRigWith(t, "acme", "globex")
	stop := make(chan struct{})
	errs := make(chan error, 4)
	for range 4 {
		f := r.flusher()
		go func() {
			for {
				select {
				case <-stop:
					errs <- nil
					return
				default:
				}
				if _, err := f.RunOnce(context.Background()); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	const rounds = 60
	for i := range rounds {
		r.mustPost("acme", "chat", 7)
		r.mustPost("globex", fmt.Sprint("feature ", i%5), 11)
		r.Advance(20 * time.Second)
	}
	close(stop)
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	r.Advance(2 * time.Minute)
	r.settle()
	r.wantTokens("acme", rounds*7, rounds)
	r.wantTokens("globex", rounds*11, rounds)
}

// TestBacklogDrains seals far more than one round of batches and expects one run to
// bring all of them home.
func TestBacklogDrains(t *testing.T) {
	r := newRigWith(t, "acme")
	const minutes = 3 * batchesPerFlush
	for range minutes {
		r.mustPost("acme", "chat", 5)
		r.Advance(time.Minute)
	}
	r.settle()
	r.wantTokens("acme", minutes*5, minutes)
	if n := r.Count("SELECT count(*) FROM rollups"); n != minutes {
		t.Errorf("%d rollup rows, want %d", n, minutes)
	}
}

// TestStopFinishesTheBatchInHand cancels a run after its seal.
func TestStopFinishesTheBatchInHand(t *testing.T) {
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	r.Advance(time.Minute)
	ctx, cancel := context.WithCancel(context.Background())
	f := r.flusher()
	f.after = func(s batch.Step) error {
		if s == batch.StepDurable {
			cancel()
		}
		return nil
	}
	if _, err := f.RunOnce(ctx); err != nil {
		t.Fatal(err)
	}
	r.wantTokens("acme", 5, 1)
}
