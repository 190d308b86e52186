package fair

import (
	"context"
	"sync"
)

// Gate lets a number of callers work at a time and has the others wait in a Queue. It is safe
// for concurrent use.
type Gate struct {
	mu      sync.Mutex
	free    int
	waiting Queue[*waiter]
}

type waiter struct {
	admitted chan struct{}
	gone     bool // under mu: has given up
}

// NewGate returns a gate for so many callers at a time, at least 1.
func NewGate(places int) *Gate { return &Gate{free: max(places, 1)} }

// Enter waits for a place. It returns the error of ctx if that ends first. After a nil error the
// caller must call Leave.
func (g *Gate) Enter(ctx context.Context, flow string, cost int) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	w := &waiter{admitted: make(chan struct{})}
	g.waiting.Push(flow, cost, w)
	g.mu.Unlock()
	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.admitted: // meanwhile: the place goes on to the next
		g.leave()
	default:
		w.gone = true
	}
	return ctx.Err()
}

// Leave gives up a place.
func (g *Gate) Leave() {
	g.mu.Lock()
	g.leave()
	g.mu.Unlock()
}

func (g *Gate) leave() {
	for {
		w, ok := g.waiting.Pop()
		if !ok {
			g.free++
			return
		}
		if !w.gone {
			close(w.admitted)
			return
		}
	}
}
