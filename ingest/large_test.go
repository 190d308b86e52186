package ingest

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// backfill is a batch that is too large for one call: so many events of a token each, with ids
// that begin with a text, spread over features and the last 33 days.
func backfill(tenant, id string, events int) string {
	var b strings.Builder
	for i := range events {
		at := arrival.AddDate(0, 0, -(i % 33))
		fmt.Fprintf(&b,
			`{"tenant":%q,"feature":"feature-%d","tokens":1,"id":"%s-%d","timestamp":%q}`+"\n",
			tenant, i%280, id, i, at.Format("2006-01-02T15:04:05Z"))
	}
	return b.String()
}

func TestALargeRequestIsCountedOnce(t *testing.T) {
	env := stacktest.New(t)
	a := newAPI(t, env)
	const events = 9240
	for _, want := range []struct{ events, duplicates int }{{events, 0}, {0, events}} {
		got := a.read(a.post(ndjsonType, backfill("free", "x", events)))
		if got.Accepted != want.events || got.Duplicates != want.duplicates {
			t.Errorf("accepted %d and %d duplicates, want %+v", got.Accepted, got.Duplicates, want)
		}
	}
	// Half of it was counted before.
	got := a.read(a.post(ndjsonType, backfill("free", "x", events/2)+backfill("free", "y", events/2)))
	if got.Accepted != events/2 || got.Duplicates != events/2 {
		t.Errorf("accepted %d and %d duplicates, want %d of each", got.Accepted, got.Duplicates, events/2)
	}
	// One event of it was counted as another.
	before := a.keysOfValkey()
	other := strings.Replace(backfill("free", "x", events), `"tokens":1,"id":"x-7000"`,
		`"tokens":2,"id":"x-7000"`, 1)
	other = strings.ReplaceAll(other, `"id":"x-1`, `"id":"z-1`) // so that something is stored before
	a.refused(a.post(ndjsonType, other), 409, "id-conflict")
	for key := range a.keysOfValkey() {
		// ids of a request that was given up count for nothing
		if !before[key] && !strings.Contains(key, ":seen:") {
			t.Errorf("%s is left", key)
		}
	}
	if got := a.read(a.post(ndjsonType, backfill("free", "z", events))); got.Accepted != events {
		t.Errorf("accepted %d of the ids that were in a refused request, want %d", got.Accepted, events)
	}
	a.flushed("free", events+events/2+events)
}

// Concurrent large requests with the same ids: one of them counts.
func TestLargeRequestsRaceForTheirIDs(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const events = 4000
	var mu sync.Mutex
	accepted := 0
	together(6, func(int) {
		for {
			r, err := a.do("POST", "/events", ndjsonType, strings.NewReader(backfill("free", "x", events)))
			if err != nil {
				t.Error(err)
				return
			}
			if r.status == 503 {
				continue // another one is on its way
			}
			got := a.read(r)
			mu.Lock()
			defer mu.Unlock()
			accepted += got.Accepted
			if got.Accepted+got.Duplicates != events {
				t.Errorf("accepted %d and %d duplicates of %d", got.Accepted, got.Duplicates, events)
			}
			return
		}
	})
	if accepted != events {
		t.Errorf("%d accepted, want %d", accepted, events)
	}
	a.flushed("free", events)
}

// A large request is held against limits as a whole, and leaves nothing if it is refused.
func TestALargeRequestKeepsWithinTheQuota(t *testing.T) {
	env := stacktest.New(t)
	a := newAPI(t, env)
	a.set("free", "monthly_quota = 3999, enforce = 'strict'")
	var inPeriod strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&inPeriod, `{"tenant":"free","feature":"chat","tokens":1,"id":"q-%d"}`+"\n", i)
	}
	r := a.post(ndjsonType, inPeriod.String())
	if !strings.Contains(r.body, "/problems/quota-exceeded") {
		t.Fatalf("%d %s, want quota-exceeded", r.status, r.body)
	}
	a.set("free", "monthly_quota = 4000")
	if got := a.read(a.post(ndjsonType, inPeriod.String())); got.Accepted != 4000 {
		t.Errorf("accepted %d, want 4000", got.Accepted)
	}
	if got := a.total("free"); got != 4000 {
		t.Errorf("%d tokens, want 4000", got)
	}
}

// flushed has a flusher bring everything to Postgres, and fails the test unless events, rollups
// and usage_daily have so many events of a tenant, of a token each.
func (a *api) flushed(tenant string, events int) {
	a.Helper()
	f := a.flusher()
	for range 2 { // the second for minutes that were sealed behind the batches of the first
		if _, err := f.RunOnce(a.Context()); err != nil {
			a.Fatal(err)
		}
	}
	for _, query := range []string{
		"SELECT count(*) FROM events WHERE tenant = $1",
		"SELECT coalesce(sum(tokens), 0) FROM events WHERE tenant = $1",
		"SELECT coalesce(sum(total_tokens), 0) FROM rollups WHERE tenant = $1",
		"SELECT coalesce(sum(total_tokens), 0) FROM usage_daily WHERE tenant = $1",
	} {
		var got int
		if err := a.env.DB.GetContext(a.Context(), &got, query, tenant); err != nil {
			a.Fatal(err)
		}
		if got != events {
			a.Errorf("%s: %d, want %d", query, got, events)
		}
	}
}

func (a *api) keysOfValkey() map[string]bool {
	a.Helper()
	names, err := a.env.Valkey.Keys(a.Context(), "fm:*").Result()
	if err != nil {
		a.Fatal(err)
	}
	keys := make(map[string]bool, len(names))
	for _, name := range names {
		keys[name] = true
	}
	return keys
}

// flusher is one to which every minute is over.
func (a *api) flusher() *flusher.Flusher {
	return flusher.New(flusher.Options{DB: a.env.DB, Valkey: a.valkey, Now: func() time.Time {
		return a.clock.Now().Add(time.Hour)
	},
		Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
}
