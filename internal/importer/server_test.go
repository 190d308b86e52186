package importer

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// fakeServer keeps the contract of POST /events in memory: all or nothing, ids count
// once, the same id with other content is a conflict.
type fakeServer struct {
	*httptest.Server
	mu      sync.Mutex
	events  map[string]client.Event
	batches []int // sizes of the requests, refused ones too
	now     time.Time
	maxBody int
	// before, if set, may answer request n (from 0) itself; it says whether it did.
	before func(n int, w http.ResponseWriter) bool
	// after, if set, runs when the batch is counted and before the answer is sent.
	after func(n int)
}

func newServer(t *testing.T) *fakeServer {
	t.Helper()
	s := &fakeServer{
		events: map[string]client.Event{}, maxBody: meter.MaxBody,
		now: time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC),
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var events []client.Event
	if r.Method != "POST" || r.URL.Path != "/events" || json.Unmarshal(body, &events) != nil {
		refuse(w, 400, "/problems/invalid-request", nil)
		return
	}
	n := len(s.batches)
	s.batches = append(s.batches, len(events))
	if s.before != nil && s.before(n, w) {
		return
	}
	if len(body) > s.maxBody || len(events) > meter.MaxEvents {
		refuse(w, 413, "/problems/too-large", nil)
		return
	}
	if s.check(w, events) {
		s.count(w, n, events)
	}
}

func (s *fakeServer) check(w http.ResponseWriter, events []client.Event) bool {
	var invalid, conflicts []client.FieldError
	for i, e := range events {
		if e.Tenant == "nobody" {
			refuse(w, 404, "/problems/unknown-tenant",
				[]client.FieldError{{Index: &i, Field: "tenant", Detail: "is unknown"}})
			return false
		}
		if e.Tenant == "archived" {
			invalid = append(invalid, client.FieldError{Index: &i, Field: "tenant", Detail: "is archived"})
		}
		if why := meter.CheckTokens(e.Tokens); why != "" {
			invalid = append(invalid, client.FieldError{Index: &i, Field: "tokens", Detail: why})
		}
		if why := meter.CheckName(e.ID); why != "" {
			invalid = append(invalid, client.FieldError{Index: &i, Field: "id", Detail: why})
		}
		if why := meter.CheckTime(e.Timestamp, s.now); why != "" && !e.Timestamp.IsZero() {
			invalid = append(invalid, client.FieldError{Index: &i, Field: "timestamp", Detail: why})
		}
		if old, seen := s.events[e.ID]; seen && old != e {
			conflicts = append(conflicts,
				client.FieldError{Index: &i, Field: "id", Detail: "was used for another event"})
		}
	}
	switch {
	case invalid != nil:
		refuse(w, 400, "/problems/invalid-event", invalid)
	case conflicts != nil:
		refuse(w, 409, "/problems/conflict", conflicts)
	}
	return invalid == nil && conflicts == nil
}

func (s *fakeServer) count(w http.ResponseWriter, n int, events []client.Event) {
	accepted := 0
	for _, e := range events {
		if _, seen := s.events[e.ID]; !seen {
			accepted++
		}
		s.events[e.ID] = e
	}
	if s.after != nil {
		s.after(n)
	}
	fmt.Fprintf(w, `{"accepted":%d,"duplicates":%d,"usage":[]}`, accepted, len(events)-accepted)
}

func (s *fakeServer) total() (tokens int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		tokens += e.Tokens
	}
	return tokens
}

func refuse(w http.ResponseWriter, status int, kind string, errs []client.FieldError) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(client.Problem{Type: kind, Title: "Refused", Status: status,
		Errors: errs})
}
