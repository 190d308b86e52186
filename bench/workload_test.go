package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestIDsAreUnique(t *testing.T) {
	const connections, each = 3, 100_000
	seen := make(map[string]bool, connections*each)
	for range connections {
		ids := newIDs()
		place := []byte(ids.whole + `","tenant"`)
		for range each {
			ids.put(place)
			id := string(place[:idLength])
			if seen[id] {
				t.Fatalf("%s came twice", id)
			}
			seen[id] = true
		}
		if _, err := uuid.Parse(string(place[:idLength])); err != nil || string(place[idLength:]) != `","tenant"` {
			t.Errorf("an id was written as %s (%v)", place, err)
		}
	}
}

// sent is a request as a server reads it.
type sent struct {
	key    string
	events []event
}

func read(t *testing.T, text []byte) (s sent) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.key = r.Header.Get("Idempotency-Key")
	if body[0] == '{' {
		body = append(append([]byte{'['}, body...), ']')
	}
	if err := json.Unmarshal(body, &s.events); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return s
}

// Every request of two connections has ids of its own, also when bodies come again.
func TestRequestsAreNeverRepeated(t *testing.T) {
	for _, events := range []int{1, 50} {
		seen := map[string]bool{}
		first, second := usual(events).open(0), usual(events).open(1)
		for range 300 {
			for _, next := range []request{first, second} {
				s := read(t, next())
				if len(s.events) != events || s.key != "" {
					t.Fatalf("a request has %d events and key %q", len(s.events), s.key)
				}
				for _, e := range s.events {
					if e.ID == "" || seen[e.ID] {
						t.Fatalf("id %q came twice", e.ID)
					}
					seen[e.ID] = true
				}
			}
		}
	}
}

func TestOneKeyARequest(t *testing.T) {
	for _, events := range []int{1, 50} {
		seen := map[string]bool{}
		next := usual(events).with(oneKey).open(0)
		for range 300 {
			s := read(t, next())
			if s.key == "" || seen[s.key] {
				t.Fatalf("key %q came twice", s.key)
			}
			seen[s.key] = true
			for _, e := range s.events {
				if e.ID != "" {
					t.Fatalf("an event has id %q beside the key", e.ID)
				}
			}
		}
	}
	if s := read(t, usual(2).with(noIDs).open(0)()); s.key != "" || s.events[0].ID != "" {
		t.Errorf("a request without ids has %+v", s)
	}
}

// A batch is of many tenants and features, and its times spread over minutes that the service
// accepts.
func TestEventsAreSpread(t *testing.T) {
	now := time.Now()
	tenants, features := map[string]bool{}, map[string]bool{}
	oldest, newest := now, now.Add(-time.Hour)
	for _, e := range read(t, usual(batchSize).open(0)()).events {
		tenants[e.Tenant], features[e.Feature] = true, true
		if wrong := meter.CheckTime(e.Timestamp, now); wrong != "" {
			t.Errorf("a time %s", wrong)
		}
		if e.Timestamp.Before(oldest) {
			oldest = e.Timestamp
		}
		if e.Timestamp.After(newest) {
			newest = e.Timestamp
		}
	}
	if len(tenants) < customers*9/10 || len(features) != 5 {
		t.Errorf("%d tenants and %d features in a batch", len(tenants), len(features))
	}
	if spread := newest.Sub(oldest); spread < 4*time.Minute || spread > 5*time.Minute {
		t.Errorf("times spread over %v", spread)
	}
	for _, e := range read(t, usual(batchSize).of(1).over().open(0)()).events {
		if e.Tenant != tenant || e.Timestamp.After(now.Add(-50*time.Second)) {
			t.Fatalf("an event of minutes that are over, of one tenant, is %+v", e)
		}
	}
}
