package demo

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

var midMonth = time.Date(2026, 3, 18, 13, 0, 0, 0, time.UTC) // a Wednesday

func TestVisitorSeesEveryKindOfTenant(t *testing.T) {
	for name, now := range map[string]time.Time{
		"mid-month":          midMonth,
		"first second":       time.Date(2026, 3, 1, 0, 0, 1, 0, time.UTC),
		"end of a leap year": time.Date(2024, 2, 29, 23, 59, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, now)
			s.run(t, 10*time.Second)
			got := s.percents()
			for tenant, want := range map[string][2]float64{
				"acme-corp": {75, 79}, "brightside-health": {40, 42}, "kontor-legal": {78, 80},
				"papaya-commerce": {105, 115}, "quill-studio": {10, 13}, "harbor-logistics": {62, 64},
			} {
				if got[tenant] < want[0] || got[tenant] > want[1] {
					t.Errorf("%s is at %.2f %%, want %v", tenant, got[tenant], want)
				}
			}
			if s.count("demo-live-") == 0 {
				t.Error("no live event in ten seconds")
			}
			if s.logs.Len() != 0 {
				t.Errorf("logged %s", &s.logs)
			}
		})
	}
}

func TestShowcaseCrosses80PercentWhileOneWatches(t *testing.T) {
	s := newServer(t, midMonth)
	s.run(t, 45*time.Second)
	if p := s.percents()["acme-corp"]; p >= 80 {
		t.Errorf("after 45 s at %.2f %% already", p)
	}
	s.run(t, 5*time.Minute)
	if p := s.percents()["acme-corp"]; p < 80 || p > 84 {
		t.Errorf("after almost 6 minutes at %.2f %%, want a little above 80", p)
	}
	if n := s.count("demo-live-"); n < 345 || n > 345*8 {
		t.Errorf("%d live events in 345 s, want a few a second", n)
	}
}

func TestRestartAddsNoSecondHistory(t *testing.T) {
	s := newServer(t, midMonth)
	s.run(t, time.Second)
	before := s.count("demo-history-")
	s.run(t, time.Second)
	s.sleep(t.Context(), 20*time.Hour)
	s.run(t, time.Second)
	if after := s.count("demo-history-"); before == 0 || after != before {
		t.Errorf("history has %d events, later %d", before, after)
	}
}

func TestHistoryTopsUpWhatWasUsedBefore(t *testing.T) {
	s := newServer(t, midMonth)
	s.events = []client.Event{{Tenant: "acme-corp", Tokens: 500_000, ID: "own", Timestamp: midMonth}}
	s.run(t, time.Second)
	if p := s.percents()["acme-corp"]; p < 75 || p > 77 {
		t.Errorf("at %.2f %%, want 76", p)
	}
}

func TestOutageIsWaitedForAndLoggedOnce(t *testing.T) {
	s := newServer(t, midMonth)
	requests := 0
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		requests++
		away := requests > 20 && requests <= 30
		if away {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return away
	}
	s.run(t, 2*time.Minute)
	if requests < 100 {
		t.Errorf("only %d requests: the demo did not go on", requests)
	}
	logs := s.logs.String()
	if strings.Count(logs, "demo waits for the server") != 1 ||
		strings.Count(logs, "the server is back") != 1 || strings.Count(logs, "\n") != 2 {
		t.Errorf("logged\n%s", logs)
	}
}

func TestRefusedTenantIsLeftOut(t *testing.T) {
	s := newServer(t, midMonth)
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		refused := r.Method == "POST" && len(s.seen) > 0
		if refused {
			w.WriteHeader(http.StatusNotFound)
		}
		return refused
	}
	s.run(t, time.Minute)
	if n := strings.Count(s.logs.String(), "is refused and left out"); n != 7 {
		t.Errorf("%d lines for 7 refused tenants:\n%s", n, &s.logs)
	}
}

func TestMissingTenantIsLeftOut(t *testing.T) {
	s := newServer(t, midMonth)
	delete(s.tenants, "quill-studio")
	s.run(t, time.Minute)
	if !strings.Contains(s.logs.String(), "does not exist and is left out\" tenant=quill-studio") ||
		s.count("demo-live-") == 0 {
		t.Errorf("%d live events; logged\n%s", s.count("demo-live-"), &s.logs)
	}
}

func TestTenantThatAppearsLateTakesPart(t *testing.T) {
	s := newServer(t, midMonth)
	late := s.tenants["quill-studio"]
	delete(s.tenants, "quill-studio")
	looks := 0
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/tenants" {
			if looks++; looks == 3 {
				s.mu.Lock()
				s.tenants["quill-studio"] = late
				s.mu.Unlock()
			}
		}
		return false
	}
	s.run(t, 10*time.Second)
	if p := s.percents()["quill-studio"]; p < 10 || looks != 3 {
		t.Errorf("at %.2f %% after %d looks", p, looks)
	}
}

func TestSameSeedAndClockGiveTheSameStream(t *testing.T) {
	a, b := newServer(t, midMonth), newServer(t, midMonth)
	a.run(t, 30*time.Second)
	b.run(t, 30*time.Second)
	if len(a.events) == 0 || len(a.events) != len(b.events) {
		t.Fatalf("%d and %d events", len(a.events), len(b.events))
	}
	// The order of the histories follows the server's list, so the live part is compared.
	live := func(s *fakeServer) (events []client.Event) {
		for _, e := range s.events {
			if strings.HasPrefix(e.ID, "demo-live-") {
				events = append(events, e)
			}
		}
		return events
	}
	la, lb := live(a), live(b)
	for i := range la {
		if la[i] != lb[i] {
			t.Fatalf("live event %d: %+v and %+v", i, la[i], lb[i])
		}
	}
}
