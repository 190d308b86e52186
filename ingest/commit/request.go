package commit

import (
	"slices"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Request is the events of one request, shard by shard. It belongs to one goroutine, until Commit
// or Release ends it.
type Request struct {
	committers *Committers
	sender     Sender
	sent       record.Request // what every record says of the request, if it has a key
	events     int            // upper bound of the number of events
	now        time.Time      // when it arrived, by the clock of the API
	arrived    time.Time      // by the machine's clock, as in the ids of the ledger
	byShard    []*submission  // nil where it has no events
	content    requestContent
	first      map[scripts.EventID]string // the content under which an id occurred first
	conflicts  []int
}

// requests are kept for reuse: most hold one event.
var requests = sync.Pool{New: func() any { return &Request{} }}

// NewRequest begins a request that arrived at now, with up to so many events and an
// Idempotency-Key; "" means that it has no key.
func (c *Committers) NewRequest(from Sender, key string, events int, now time.Time) *Request {
	r := requests.Get().(*Request)
	*r = Request{
		committers: c, sender: from, sent: sentUnder(key, from.Tenant), events: events,
		now: now, arrived: failpoint.Now(),
		byShard: append(r.byShard[:0], make([]*submission, len(c.all))...),
	}
	return r
}

// Add adds the index-th event of the request. The key of the tenant t replaces the name in the
// event. An event whose id has occurred in the request is a duplicate.
func (r *Request) Add(index int, e meter.Event, t meter.Tenant) {
	e.Tenant = t.Name // stored, counted and remembered under the key
	if r.sent.Key != "" {
		r.content.add(&e)
	}
	shard := scripts.ShardOf(e.Tenant, len(r.byShard))
	s := r.byShard[shard]
	if s == nil {
		s = newSubmissionUnder(r.sent, shard, r.events)
		r.byShard[shard] = s
	}
	id := eventID(e)
	if id.ID != "" && r.occurred(index, id) {
		s.duplicates++
		return
	}
	s.add(index, r.committers.ids.Next(r.arrived), e, id, t, r.now)
}

// occurred reports whether an id has occurred in the request, and notes it if it has not. The same
// id with other content is a conflict.
func (r *Request) occurred(index int, id scripts.EventID) bool {
	key := scripts.EventID{Tenant: id.Tenant, ID: id.ID}
	before, ok := r.first[key]
	if ok {
		if before != id.Content {
			r.conflicts = append(r.conflicts, index)
		}
		return true
	}
	if r.first == nil {
		r.first = make(map[scripts.EventID]string, r.events)
	}
	r.first[key] = id.Content
	return false
}

// Err returns an IDConflict if an id has occurred with different content.
func (r *Request) Err() error {
	if len(r.conflicts) > 0 {
		return IDConflict{r.conflicts}
	}
	return nil
}

// Release gives up a request that was not committed.
func (r *Request) Release() {
	for _, s := range r.byShard {
		if s != nil {
			s.release()
		}
	}
	r.end()
}

// end discards the request, whose submissions are already released.
func (r *Request) end() {
	clear(r.byShard)
	*r = Request{byShard: r.byShard}
	requests.Put(r)
}

// close returns the submissions of a request that is complete.
func (r *Request) close() []*submission {
	r.byShard = slices.DeleteFunc(r.byShard, func(s *submission) bool { return s == nil })
	for _, s := range r.byShard {
		s.sender = r.sender
		s.limited = r.committers.limiter.limits(s)
	}
	if r.sent.Key != "" && len(r.byShard) > 0 {
		giveKey(r.byShard, r.sender.Tenant, r.content.digest())
	}
	return r.byShard
}
