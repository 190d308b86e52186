package intake

import (
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// takeLarge takes all places of large requests.
func (r rig) takeLarge() {
	r.t.Helper()
	for range 1 + r.commit.LargeAtOnce() {
		if err := r.large.Enter(r.t.Context(), "others", 1); err != nil {
			r.t.Fatal(err)
		}
	}
}

// A large request waits until others of its size are answered; small ones do not wait.
func TestALargeRequestWaitsForItsTurn(t *testing.T) {
	r := newRig(t)
	r.turnLimit = time.Minute
	r.takeLarge()
	answered := make(chan int, 1)
	go func() {
		_, accepted := r.post(stagedEvents + 1)
		answered <- accepted
	}()
	waittest.Until(t, "the large request is read", func() bool { return r.budget.Taken() > 0 })
	if status, _ := r.post(1); status != 200 {
		t.Errorf("a small request is answered %d", status)
	}
	select {
	case <-answered:
		t.Fatal("the large request is answered out of turn")
	default:
	}
	r.large.Leave()
	if accepted := <-answered; accepted != stagedEvents+1 {
		t.Errorf("accepted %d events", accepted)
	}
}

// One that waits for too long is refused, and leaves its place in the line.
func TestALargeRequestDoesNotWaitForEver(t *testing.T) {
	r := newRig(t)
	r.turnLimit = 10 * time.Millisecond
	r.takeLarge()
	if status, _ := r.post(stagedEvents + 1); status != 503 {
		t.Errorf("answered %d", status)
	}
	r.large.Leave()
	if status, accepted := r.post(stagedEvents + 1); accepted != stagedEvents+1 {
		t.Errorf("answered %d, accepted %d events", status, accepted)
	}
}

// A refusal for memory is delayed, and holds none meanwhile.
func TestARefusalForMemoryIsDelayed(t *testing.T) {
	r := newRig(t)
	share := r.budget.Share(budget.Holder{})
	if err := share.Take(r.budget.Total() * 7 / 8); err != nil {
		t.Fatal(err)
	}
	taken := r.budget.Taken()
	began := time.Now()
	if status, _ := r.post(stagedEvents); status != 503 {
		t.Errorf("answered %d", status)
	}
	if took := time.Since(began); took < crowdedPause {
		t.Errorf("answered after %v", took)
	}
	if r.budget.Taken() != taken {
		t.Errorf("%d bytes are taken, want %d", r.budget.Taken(), taken)
	}
}
