package demo

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// fakeServer keeps the contract of POST /events and GET /tenants in memory, on a clock
// that only moves when the demo sleeps.
type fakeServer struct {
	client  *client.Client
	tenants map[string]meter.Tenant
	// before, if set, may answer a request itself; it says whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu     sync.Mutex
	now    time.Time
	events []client.Event
	seen   map[string]bool
	logs   strings.Builder
}

func newServer(t *testing.T, now time.Time) *fakeServer {
	t.Helper()
	s := &fakeServer{now: now, tenants: map[string]meter.Tenant{}, seen: map[string]bool{}}
	for _, p := range profiles() {
		s.tenants[p.tenant.Name] = p.tenant
	}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	s.client = &client.Client{URL: srv.URL, Sleep: s.sleep}
	return s
}

func (s *fakeServer) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
	return ctx.Err()
}

func (s *fakeServer) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// run lets the demo run for the given time of the fake clock.
func (s *fakeServer) run(t *testing.T, forTime time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	end := s.clock().Add(forTime)
	err := Run(ctx, s.client, Options{
		Seed: 7,
		Log:  slog.New(slog.NewTextHandler(&s.logs, nil)),
		Now:  s.clock,
		Sleep: func(ctx context.Context, d time.Duration) error {
			if err := s.sleep(ctx, d); err != nil || !s.clock().Before(end) {
				cancel()
			}
			return ctx.Err()
		},
	})
	if err != nil {
		t.Fatalf("run demo: %v", err)
	}
}

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	if s.before != nil && s.before(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/tenants" {
		list := client.Tenants{AsOf: s.now}
		for _, t := range s.tenants {
			list.Tenants = append(list.Tenants, s.usage(t))
		}
		json.NewEncoder(w).Encode(list)
		return
	}
	var events []client.Event
	if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	var result client.Result
	for _, e := range events {
		if key := e.Tenant + " " + e.ID; s.seen[key] {
			result.Duplicates++
		} else {
			s.seen[key] = true
			if e.Timestamp.IsZero() {
				e.Timestamp = s.now
			}
			s.events = append(s.events, e)
			result.Accepted++
		}
	}
	result.Usage = []client.Usage{s.usage(s.tenants[events[0].Tenant])}
	json.NewEncoder(w).Encode(result)
}

func (s *fakeServer) usage(t meter.Tenant) client.Usage {
	period := t.Period(s.now)
	u := client.Usage{Tenant: t.Name, PeriodStart: period.Start, PeriodEnd: period.End}
	for _, e := range s.events {
		if e.Tenant == t.Name && !e.Timestamp.Before(period.Start) {
			u.TotalTokens += e.Tokens
		}
	}
	if t.Quota > 0 {
		percent := float64(u.TotalTokens) * 100 / float64(t.Quota)
		u.Quota, u.QuotaPercent = &t.Quota, &percent
	}
	return u
}

// percents are the tenants' shares of their quotas; 0 without one.
func (s *fakeServer) percents() map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	shares := map[string]float64{}
	for name, t := range s.tenants {
		if u := s.usage(t); u.QuotaPercent != nil {
			shares[name] = *u.QuotaPercent
		}
	}
	return shares
}

// count is how many events have an id that starts with prefix.
func (s *fakeServer) count(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if strings.HasPrefix(e.ID, prefix) {
			n++
		}
	}
	return n
}
