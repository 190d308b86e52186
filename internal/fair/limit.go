package fair

import "sync"

// Limit bounds how many requests of each flow are in hand at a time. It is safe for concurrent
// use.
type Limit struct {
	most int
	mu   sync.Mutex
	held map[string]int
}

// NewLimit returns a limit of so many a flow; 0: any number.
func NewLimit(most int) *Limit { return &Limit{most: most, held: map[string]int{}} }

// Enter reports whether there is room for another request of a flow, which must Leave then.
func (l *Limit) Enter(flow string) bool {
	if l.most == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[flow] >= l.most {
		return false
	}
	l.held[flow]++
	return true
}

// Leave ends a request that has entered.
func (l *Limit) Leave(flow string) {
	if l.most == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[flow]--; l.held[flow] == 0 {
		delete(l.held, flow)
	}
}
