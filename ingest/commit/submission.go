package commit

import (
	"encoding/binary"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// lateMinutes is how many minutes old an event may be and still go to its minute's own hash; older
// events share the late hash.
const lateMinutes = 2

// submission is one request's events for one shard, on their way to Valkey. Its handler owns it
// until it is queued, then the committer until it is answered, and then the handler again, which
// releases it.
type submission struct {
	shard   int
	items   []item
	ids     int                // of items that have one, and of request
	request scripts.EventID    // the Idempotency-Key of all its events; ID is "" if there is none
	places  map[string][]int32 // items by tenant; nil until itemsOf is called
	staged  *scripts.Staged    // where Valkey has it already; nil if it is not staged
	sent    record.Request     // what every record says of the request, except the place
	tenants []meter.Tenant     // of the events, each once
	named   map[string]bool    // names of tenants, nil while there is only one
	queued  time.Time          // monotonic
	sender  Sender
	limited bool // by a rate or a quota
	// limitCost is the cost of its limits; set when it is queued.
	limitCost limitCost
	// rates are the limits that judged it in parts, before the call that counts it.
	rates    []RateStatus
	accepted int
	// duplicates counts events that were counted before, here or in an earlier request.
	duplicates int

	lines []byte // COPY text, with a line feed between two events
	sums  sums

	done chan result // receives once
}

// item is one event of a submission: its place in lines and sums.
type item struct {
	index      int             // in the request
	id         scripts.EventID // ID is "" if the client sent none
	amounts    meter.Amounts
	counter    int // its place in sums.counters
	start, end int // its line is lines[start:end]
}

// submissions are kept for reuse: most requests are one event, and a new submission costs eight
// allocations.
var submissions = sync.Pool{New: func() any { return &submission{done: make(chan result, 1)} }}

// newSubmission returns an empty one that will hold up to the given number of events.
func newSubmission(shard, events int) *submission {
	return newSubmissionUnder(record.Request{}, shard, events)
}

// newSubmissionUnder is newSubmission for events whose records name their request, if it has a key.
func newSubmissionUnder(sent record.Request, shard, events int) *submission {
	s := submissions.Get().(*submission)
	s.shard, s.sent = shard, sent
	s.items = slices.Grow(s.items, events)
	size := lineSize
	if sent.Key != "" {
		size += len(sent.Key) + len("\t\t1000\td")
	}
	s.lines = slices.Grow(s.lines, events*size)
	return s
}

// lineSize is an upper bound of the size of most records.
const lineSize = 128

// release gives up s, which must not be with a committer. Large ones are left to the garbage
// collector.
func (s *submission) release() {
	if cap(s.lines) > 64<<10 || len(s.sums.counters) > fewCounters {
		return
	}
	clear(s.items)
	clear(s.tenants)
	clear(s.sums.counters)
	*s = submission{items: s.items[:0], tenants: s.tenants[:0], lines: s.lines[:0],
		sums: sums{counters: s.sums.counters[:0]}, done: s.done}
	submissions.Put(s)
}

// add puts the index-th event of the request, of tenant t, into the submission. The event arrived
// at now, has the given id if the client sent one, and is stored under key.
func (s *submission) add(
	index int, key uuid.UUID, e meter.Event, id scripts.EventID, t meter.Tenant, now time.Time,
) {
	if e.At.IsZero() {
		e.At = now
	}
	it := item{index: index, id: id, amounts: e.Amounts, start: len(s.lines)}
	if len(s.items) > 0 {
		s.lines = append(s.lines, '\n')
		it.start++
	}
	s.lines = record.Append(s.lines, key, e)
	if s.sent.Key != "" {
		s.sent.Place = index + 1
		s.lines = record.AppendRequest(s.lines, s.sent)
	}
	it.end = len(s.lines)
	minute := e.At.Unix() / 60
	it.counter = s.sums.add(scripts.Counter{
		Minute: minute, Late: minute < now.Unix()/60-lateMinutes, Day: t.Day(e.At),
		Tenant: e.Tenant, Feature: e.Feature, Amounts: e.Amounts,
	})
	s.items = append(s.items, it)
	if id.ID != "" {
		s.ids++
	}
	s.accepted++
	s.addTenant(t)
}

func (s *submission) addTenant(t meter.Tenant) {
	switch {
	case len(s.tenants) == 0: // most requests name one tenant and need no map
		s.tenants = append(s.tenants, t)
		return
	case s.tenants[len(s.tenants)-1].Name == t.Name:
		return
	case s.named == nil:
		s.named = map[string]bool{s.tenants[0].Name: true}
	}
	if !s.named[t.Name] {
		s.named[t.Name] = true
		s.tenants = append(s.tenants, t)
	}
}

// drop takes out the items, by their place, that are duplicates of earlier events.
func (s *submission) drop(duplicate map[int]bool) {
	items, lines, counters := s.items, s.lines, s.sums.counters
	s.items, s.lines, s.sums, s.ids, s.places = nil, nil, sums{}, 0, nil
	if s.request.ID != "" {
		s.ids++
	}
	for i, it := range items {
		if duplicate[i] {
			s.duplicates++
			s.accepted--
			continue
		}
		line := lines[it.start:it.end]
		if len(s.items) > 0 {
			s.lines = append(s.lines, '\n')
		}
		it.start = len(s.lines)
		s.lines = append(s.lines, line...)
		it.end = len(s.lines)
		c := counters[it.counter]
		c.Amounts = it.amounts
		it.counter = s.sums.add(c)
		s.items = append(s.items, it)
		if it.id.ID != "" {
			s.ids++
		}
	}
}

// itemsOf returns the items of a tenant, in order. The first call for a request of several tenants
// groups all of its items.
func (s *submission) itemsOf(tenant string) iter.Seq[*item] {
	return func(yield func(*item) bool) {
		if len(s.tenants) == 1 {
			for i := range s.items {
				if !yield(&s.items[i]) {
					return
				}
			}
			return
		}
		for _, i := range s.placesOf(tenant) {
			if !yield(&s.items[i]) {
				return
			}
		}
	}
}

// eventsOf is the number of events of a tenant in s.
func (s *submission) eventsOf(tenant string) int {
	if len(s.tenants) == 1 {
		return len(s.items)
	}
	return len(s.placesOf(tenant))
}

func (s *submission) placesOf(tenant string) []int32 {
	if s.places == nil {
		s.places = make(map[string][]int32, len(s.tenants))
		for i := range s.items {
			name := s.sums.counters[s.items[i].counter].Tenant
			s.places[name] = append(s.places[name], int32(i))
		}
	}
	return s.places[tenant]
}

// eventID is the id of an event as the client sent it, with the content it was sent for.
func eventID(e meter.Event) scripts.EventID {
	if e.ID == "" {
		return scripts.EventID{}
	}
	content := make([]byte, 0, 256)
	content = append(content, e.Feature...)
	content = binary.BigEndian.AppendUint64(append(content, 0), uint64(e.Amounts[meter.Tokens]))
	if !e.At.IsZero() {
		content = binary.BigEndian.AppendUint64(content, uint64(e.At.UnixMicro()))
	}
	return scripts.EventID{Tenant: e.Tenant, ID: e.ID, Content: string(content)}
}
