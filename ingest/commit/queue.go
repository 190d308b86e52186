package commit

import (
	"sync"

	"github.com/eduardosanzb/flagmeter/internal/fair"
)

// queueLength is how many requests may wait for a committer. At 10,000 requests/s the queue fills
// in less than a second without Valkey; beyond it the answer is 503.
const queueLength = 8192

// queue holds the submissions that wait for a committer. Turns depend on what each flow has cost
// Valkey lately, so a flow with many or large requests waits for itself. It is safe for concurrent
// use.
type queue struct {
	ofFlow int // how many of a flow may wait

	mu   sync.Mutex
	fair fair.Queue[*submission]
	// pushed has room for one value. The value is there if something was pushed since the last
	// receive.
	pushed chan struct{}
}

// newQueue returns a queue for up to ofFlow submissions of a flow; 0 means any number.
func newQueue(ofFlow int) *queue {
	if ofFlow == 0 {
		ofFlow = queueLength
	}
	return &queue{ofFlow: ofFlow, pushed: make(chan struct{}, 1)}
}

// push adds s and reports whether there was room: no flow can fill the whole queue.
func (q *queue) push(s *submission) bool {
	flow := s.flow()
	q.mu.Lock()
	room := q.fair.Len() < queueLength && q.fair.Queued(flow) < q.ofFlow
	if room {
		q.fair.Push(flow, s.cost(), s)
	}
	q.mu.Unlock()
	if room {
		q.wake()
	}
	return room
}

// wake makes a goroutine that waits for pushed check the queue.
func (q *queue) wake() {
	select {
	case q.pushed <- struct{}{}:
	default:
	}
}

// pop returns the next submission, nil if there is none.
func (q *queue) pop() *submission {
	q.mu.Lock()
	defer q.mu.Unlock()
	s, _ := q.fair.Pop()
	return s
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fair.Len()
}
