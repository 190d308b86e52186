package ingest

import (
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// takeLarge takes all places of large requests.
func (a *api) takeLarge() {
	a.Helper()
	for range 1 + stagers*a.valkey.Shards() {
		if err := a.server.large.Enter(a.Context(), "others", 1); err != nil {
			a.Fatal(err)
		}
	}
}

// A large request waits until others of its size are answered; small ones do not wait.
func TestALargeRequestWaitsForItsTurn(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.server.turnLimit = time.Minute
	a.takeLarge()
	answered := make(chan response, 1)
	go func() { answered <- a.post(ndjsonType, backfill("free", "x", stagedEvents+1)) }()
	eventually(t, "the large request is read", func() bool { return a.server.budget.Taken() > 0 })
	if r := a.post(jsonType, acme(1, "")); r.status != 200 {
		t.Errorf("a small request is answered %d %s", r.status, r.body)
	}
	select {
	case r := <-answered:
		t.Fatalf("the large request is answered out of turn: %d %s", r.status, r.body)
	default:
	}
	a.server.large.Leave()
	if got := a.read(<-answered); got.Accepted != stagedEvents+1 {
		t.Errorf("accepted %d events", got.Accepted)
	}
}

// One that waits for too long is refused, and leaves its place in the line.
func TestALargeRequestDoesNotWaitForEver(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.server.turnLimit = 10 * time.Millisecond
	a.takeLarge()
	large := backfill("free", "x", stagedEvents+1)
	r := a.post(ndjsonType, large)
	a.refused(r, 503, "unavailable")
	if r.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", r.header)
	}
	a.server.large.Leave()
	if got := a.read(a.post(ndjsonType, large)); got.Accepted != stagedEvents+1 {
		t.Errorf("accepted %d events", got.Accepted)
	}
}

// A refusal for memory is delayed, and holds none meanwhile.
func TestARefusalForMemoryIsDelayed(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	share := a.server.budget.Share(budget.Holder{})
	if err := share.Take(a.server.budget.Total() * 7 / 8); err != nil {
		t.Fatal(err)
	}
	taken := a.server.budget.Taken()
	began := time.Now()
	a.refused(a.post(ndjsonType, backfill("free", "x", stagedEvents)), 503, "unavailable")
	if took := time.Since(began); took < crowdedPause {
		t.Errorf("answered after %v", took)
	}
	if a.server.budget.Taken() != taken {
		t.Errorf("%d bytes are taken, want %d", a.server.budget.Taken(), taken)
	}
}
