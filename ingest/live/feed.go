package live

import (
	"sync"

	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// feed is one query's present state.
type feed struct {
	query   question
	first   budget.Holder // who has asked for it first
	clients int           // guarded by feeds.mu

	mu       sync.Mutex
	previous *state
	current  *state        // nil until it was made once
	step     []byte        // the frame from previous to current
	snapshot []byte        // the frame from nothing to current, once somebody needed it
	renewed  chan struct{} // closed when current changes
}

// publish makes next the present state.
func (f *feed) publish(next *state) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.previous, f.step, f.snapshot = f.current, nil, nil
	if f.current != nil {
		f.step = next.frame(f.current)
	}
	f.current = next
	close(f.renewed)
	f.renewed = make(chan struct{})
}

// present is the present state, nil if there is none yet.
func (f *feed) present() *state {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// next returns the present state, what to send to a client that has have, nil if nothing,
// and a channel that is closed when there is another state.
func (f *feed) next(have *state) (now *state, frame []byte, renewed <-chan struct{}) {
	f.mu.Lock()
	now, renewed = f.current, f.renewed
	switch {
	case now == nil || now == have:
	case have == nil:
		if f.snapshot == nil {
			f.snapshot = now.frame(nil)
		}
		frame = f.snapshot
	case have == f.previous:
		frame = f.step
	default: // a slow one has missed some: its own work, not under the lock
		f.mu.Unlock()
		return now, now.frame(have), renewed
	}
	f.mu.Unlock()
	return now, frame, renewed
}
