package torture

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// journal notes what the clients know: which events were acknowledged, and when, and of
// which nobody can say. Between them it keeps the account of each fault.
type journal struct {
	start time.Time

	mu      sync.Mutex
	acked   map[string]note // by key
	unknown map[string]note
	lastAck time.Duration
	spans   []*span
	open    []*span        // those among them that have not ended
	full    int            // answers that Valkey is full, with a time to wait
	failed  map[string]int // requests that got no 200, by reason
	times   map[string]int // how often an event counts, by key, if not once
	losses  []loss         // of writes, that cannot be made good
}

// note is an event as it was sent, and when its outcome was known.
type note struct {
	tenant, feature string
	tokens          int64
	at              time.Duration
}

// span is one injection of a fault.
type span struct {
	fault      string
	start, end time.Duration
	healed     bool // ends at the next acknowledgement
	acked      int
	gap        time.Duration // the longest time without an acknowledgement
}

func newJournal() *journal {
	return &journal{start: time.Now(), acked: map[string]note{}, unknown: map[string]note{},
		failed: map[string]int{}, times: map[string]int{}}
}

// key names an event: by its id, or by its tokens, which no other event of its feature has.
func key(e client.Event) string {
	if e.ID != "" {
		return e.ID
	}
	return fmt.Sprintf("%s/%s/%d", e.Tenant, e.Feature, e.Tokens)
}

// ack notes events as acknowledged now.
func (j *journal) ack(events []client.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Since(j.start)
	for _, e := range events {
		j.acked[key(e)] = note{e.Tenant, e.Feature, e.Tokens, now}
	}
	for _, s := range j.open {
		s.gap = max(s.gap, now-max(j.lastAck, s.start))
		s.acked += len(events)
		if s.healed {
			s.end = now
		}
	}
	j.open = slices.DeleteFunc(j.open, func(s *span) bool { return s.healed })
	j.lastAck = now
}

// again notes that an event was acknowledged as another one, its id being forgotten.
func (j *journal) again(e client.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.times[key(e)] = max(j.times[key(e)], 1) + 1
}

// loss is a time in which acknowledged events may be lost, and are known to be.
type loss struct{ from, to time.Time }

// lose notes such a time.
func (j *journal) lose(from, to time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.losses = append(j.losses, loss{from, to})
}

// lossy reports whether there was one.
func (j *journal) lossy() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.losses) > 0
}

// mayBeLost reports whether what was acknowledged at that time may be lost.
func (j *journal) mayBeLost(at time.Duration) bool {
	return slices.ContainsFunc(j.losses, func(l loss) bool {
		acked := j.start.Add(at)
		return !acked.Before(l.from) && acked.Before(l.to)
	})
}

// giveUp notes events whose outcome stays unknown.
func (j *journal) giveUp(events []client.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		j.unknown[key(e)] = note{e.Tenant, e.Feature, e.Tokens, time.Since(j.start)}
	}
}

// fail notes why a request has failed.
func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	reason := "cut off"
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		reason = "timed out"
	}
	var problem *client.Problem
	if errors.As(err, &problem) {
		reason = fmt.Sprint(problem.Status)
		if strings.Contains(problem.Detail, "full") && problem.RetryAfter > 0 {
			j.full++
		}
	}
	j.failed[reason]++
}

// begin opens the account of a fault.
func (j *journal) begin(fault string) *span {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &span{fault: fault, start: time.Since(j.start)}
	j.spans, j.open = append(j.spans, s), append(j.open, s)
	return s
}

// heal says that nothing of the fault is left; its account ends with the next
// acknowledgement.
func (j *journal) heal(s *span) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.healed = true
}

// close ends all accounts: nobody sends any more.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Since(j.start)
	for _, s := range j.open {
		s.end = now
	}
	j.open = nil
}

// acks is how many events are acknowledged, fulls how often the answer was "full", and
// failures how many requests failed.
func (j *journal) acks() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.acked)
}

func (j *journal) fulls() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.full
}

func (j *journal) failures() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, count := range j.failed {
		n += count
	}
	return n
}

// faultsAt are the faults under which the outcome of an event became known.
func (j *journal) faultsAt(at time.Duration) []string {
	var names []string
	for _, s := range j.spans {
		if s.start <= at && at <= s.end {
			names = append(names, s.fault)
		}
	}
	if len(names) == 0 {
		return []string{noFault}
	}
	return names
}

// noFault is the row of the table for what happened between the faults.
const noFault = "(none)"
