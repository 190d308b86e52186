package outbox_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Two tenants may have the same Slack URL, and two alerters may send to it.
func TestASlackURLGetsOneMessageASecondWhoeverSends(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a1", "a2", "a3"} {
		w.AddTenant(name, 900, 1000, 80)
		w.AddSlack(name, "/same")
	}
	alerters := []role{w.alerter(), w.alerter()}
	for second := range 4 {
		var together sync.WaitGroup
		for _, a := range alerters {
			together.Go(func() {
				if _, err := a.RunOnce(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		together.Wait()
		if got, want := len(w.Slack.Got()), min(second+1, 3); got != want {
			t.Errorf("%d messages after %d s, want %d", got, second, want)
		}
		w.Advance(outbox.Pace - time.Millisecond)
		w.run(alerters[0])
		if got, want := len(w.Slack.Got()), min(second+1, 3); got != want {
			t.Errorf("%d messages right before the next second, want %d", got, want)
		}
		w.Advance(time.Millisecond)
	}
}

// A clock that was ahead has reserved a second of next year.
func TestASetClockDoesNotBlockASlackURL(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	a := w.alerter()
	w.run(a)
	w.Exec("UPDATE slack_pace SET free_at = $1", w.Clock().Add(365*24*time.Hour))
	w.Change("acme", func(u *meter.Usage) { u.Tenant.Thresholds = []int{80, 85} })
	if r := w.run(a); r.Delivered != 1 {
		t.Errorf("got %+v", r)
	}
}

// A host that does not answer gets no retries for a while; first attempts go out, and an
// answer ends it.
func TestTheBreakerHoldsBackRetriesOnly(t *testing.T) {
	w := newWorld(t)
	var mute sync.Mutex
	silent, requests := true, map[string]int{}
	e := w.Endpoint(func(_ http.ResponseWriter, r *http.Request) {
		mute.Lock()
		defer mute.Unlock()
		requests[r.URL.Path]++
		if silent {
			panic(http.ErrAbortHandler)
		}
	})
	fail := func(name string) {
		w.AddTenant(name, 900, 1000, 80)
		w.Exec("INSERT INTO webhooks (tenant, url) VALUES ($1, $2)", name, e.URL+"/"+name)
	}
	seen := func(name string) int {
		mute.Lock()
		defer mute.Unlock()
		return requests[name]
	}
	for _, name := range []string{"a1", "a2", "a3", "a4", "a5"} {
		fail(name)
	}
	a := w.alerter()
	a.outbox.SetBreakerPause(time.Hour) // real time, which does not pass here
	if r := w.run(a); r.Retried != outbox.BreakerTrips {
		t.Fatalf("got %+v", r)
	}
	w.Advance(time.Minute)
	if r := w.run(a); r.Retried != 0 || seen("/a1") == 0 {
		t.Errorf("retries went out although the host does not answer: %+v", r)
	}
	fail("fresh")
	if r := w.run(a); r.Retried != 1 || seen("/fresh") == 0 {
		t.Errorf("a first attempt was held back: %+v", r)
	}
	mute.Lock()
	silent = false
	mute.Unlock()
	fail("alive")
	w.Advance(time.Minute)
	if r := w.run(a); r.Delivered != 7 { // its answer lets the six others go
		t.Errorf("got %+v", r)
	}
}
