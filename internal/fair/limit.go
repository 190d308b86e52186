package fair

import "sync"

// Limit bounds how many requests are in hand at a time, of each flow and in all. It is safe for
// concurrent use.
type Limit[Flow comparable] struct {
	each func(Flow) int
	all  int

	mu    sync.Mutex
	taken int
	held  map[Flow]int
}

// NewLimit returns a limit of so many a flow and in all; 0: any number.
func NewLimit[Flow comparable](each func(Flow) int, all int) *Limit[Flow] {
	return &Limit[Flow]{each: each, all: all, held: map[Flow]int{}}
}

// Each is the same number for every flow.
func Each[Flow comparable](most int) func(Flow) int { return func(Flow) int { return most } }

// Enter reports whether there is room for another request of a flow, which must Leave then.
func (l *Limit[Flow]) Enter(flow Flow) bool {
	most := l.each(flow)
	l.mu.Lock()
	defer l.mu.Unlock()
	if most > 0 && l.held[flow] >= most || l.all > 0 && l.taken >= l.all {
		return false
	}
	l.held[flow]++
	l.taken++
	return true
}

// Leave ends a request that has entered.
func (l *Limit[Flow]) Leave(flow Flow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken--
	if l.held[flow]--; l.held[flow] == 0 {
		delete(l.held, flow)
	}
}
