package ingest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rated is an api whose tenants may send so many events.
func rated(perSecond, burst int64) func(*setup) {
	return func(s *setup) { s.rate = meter.Rate{PerSecond: perSecond, Burst: burst} }
}

// batchOf are n events of a tenant as JSON.
func batchOf(tenant string, n int) string {
	one := fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":1}`, tenant)
	return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
}

// rateHeaders fails the test unless r says so.
func (a *api) rateHeaders(r response, policy, limit string) {
	a.Helper()
	if got := r.header.Get("Ratelimit-Policy"); got != policy {
		a.Errorf("RateLimit-Policy: %s, want %s", got, policy)
	}
	if got := r.header.Get("Ratelimit"); got != limit {
		a.Errorf("RateLimit: %s, want %s", got, limit)
	}
}

// set changes a tenant as an operator does, in force at once.
func (a *api) set(tenant, assignments string) {
	a.Helper()
	if _, err := a.env.DB.ExecContext(a.Context(),
		"UPDATE tenants SET "+assignments+" WHERE name = $1", tenant); err != nil {
		a.Fatal(err)
	}
	if err := a.live.Refresh(a.Context()); err != nil {
		a.Fatal(err)
	}
}

func TestNothingIsLimitedUnlessItIsAskedFor(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	r := a.post(jsonType, batchOf("acme", 10_000))
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	a.rateHeaders(r, "", "")
}

func TestARateLimitIsToldAndKept(t *testing.T) {
	a := newAPI(t, stacktest.New(t), rated(1, 100))
	const policy = `"tenant";q=100;qu="events";w=100`
	began := time.Now()
	r := a.post(jsonType, batchOf("acme", 70))
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	a.rateHeaders(r, policy, `"tenant";r=30;t=70`)

	before := a.state()
	r = a.post(jsonType, batchOf("acme", 90))
	a.refused(r, 429, "rate-limited")
	drained := int(time.Since(began).Seconds()) + 1 // events, at most
	wait, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil || wait < 60-drained || wait > 60 { // so many are missing, less what has drained
		t.Errorf("Retry-After %q, want 60 s less %d at most", r.header.Get("Retry-After"), drained)
	}
	var room, until int
	got := r.header.Get("Ratelimit")
	if _, err := fmt.Sscanf(got, `"tenant";r=%d;t=%d`, &room, &until); err != nil || room < 30 ||
		room > 30+drained || until != wait {
		t.Errorf("RateLimit: %s, want room for 30 events and %d at most", got, drained)
	}
	a.unchanged(before)
	a.counted(batchOf("acme", 30)) // what fits passes
	a.counted(batchOf("free", 100))
	if got := a.metrics()["requests_limited_total/rate"]; got != 1 {
		t.Errorf("the metric says %v, want 1", got)
	}
}

func TestARequestLargerThanTheBurstIsToldThatWaitingDoesNotHelp(t *testing.T) {
	a := newAPI(t, stacktest.New(t), rated(10, 100))
	before := a.state()
	if p := a.refused(a.post(jsonType, batchOf("acme", 101)), 413,
		"larger-than-burst"); !strings.Contains(p.Detail,
		"may send 100 events at once, the request has 101") {
		t.Errorf("%+v", p)
	}
	a.unchanged(before)
}

func TestATenantsOwnRateReplacesTheDefault(t *testing.T) {
	a := newAPI(t, stacktest.New(t), rated(1, 5))
	for _, c := range []struct {
		assignments string
		events      int
		status      int
	}{
		{"rate_limit = 1, rate_burst = 50", 50, 200},
		{"rate_limit = 1, rate_burst = 50", 50, 429}, // there is no room for so many within 50 s
		// raised: in force although a refusal was remembered
		{"rate_limit = 1, rate_burst = 60", 10, 200},
		{"rate_limit = 0, rate_burst = NULL", 10_000, 200},
		{"rate_limit = NULL", 5, 429},
		{"rate_limit = 1000000, rate_burst = 60", 60, 200}, // drains in no time
		{"rate_limit = NULL, rate_burst = NULL", 5, 200},
		{"rate_limit = NULL", 6, 413},
		{"rate_limit = 7", 8, 413},
	} {
		a.set("acme", c.assignments)
		if r := a.post(jsonType, batchOf("acme", c.events)); r.status != c.status {
			t.Errorf("%s: %d events are answered %d, want %d: %s", c.assignments, c.events, r.status,
				c.status, r.body)
		}
	}
}
