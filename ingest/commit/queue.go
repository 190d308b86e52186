package commit

import (
	"sync"

	"github.com/eduardosanzb/flagmeter/internal/fair"
)

// queueLength is how many requests may wait for a committer. At 10,000 requests/s it
// is filled in less than a second of Valkey's absence; beyond it the answer is 503.
const queueLength = 8192

// queue holds the submissions that wait for a committer: whose turn it is depends on what
// their flow has cost Valkey lately, so a flow with many or large requests waits for itself.
// It is safe for concurrent use.
type queue struct {
	ofFlow int // how many of a flow may wait

	mu   sync.Mutex
	fair fair.Queue[*submission]
	// pushed has room for one value, which is there when something was pushed since it was taken.
	pushed chan struct{}
}

// newQueue returns a queue for so many submissions of a flow; 0: any number.
func newQueue(ofFlow int) *queue {
	if ofFlow == 0 {
		ofFlow = queueLength
	}
	return &queue{ofFlow: ofFlow, pushed: make(chan struct{}, 1)}
}

// push adds s and reports whether there was room: no flow can take all of it.
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

// wake has one who waits for pushed look at the queue.
func (q *queue) wake() {
	select {
	case q.pushed <- struct{}{}:
	default:
	}
}

// pop is the next submission, nil if there is none.
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
