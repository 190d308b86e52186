package ingest

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// lateMinutes is how many minutes an event may lie back to be counted in its minute's
// own hash; older ones share the late hash.
const lateMinutes = 2

// item is one event of a submission, ready to be stored.
type item struct {
	index   int // in the request
	counter scripts.Counter
	id      scripts.EventID // ID is "" if the client sent none
	line    []byte          // COPY text, without line feed
}

// submission is one request's events for one shard, on their way to Valkey.
type submission struct {
	shard    int
	items    []item
	tenants  []meter.Tenant  // of the events, each once
	named    map[string]bool // names of tenants, nil while there is one
	queued   time.Time       // monotonic
	accepted int
	// duplicates are events that were counted before, here or in an earlier request.
	duplicates int

	lines    []byte
	counters []scripts.Counter

	done chan answer // receives once
}

// answer is what became of a submission: a problem or the usage of its tenants.
type answer struct {
	usages  []meter.Usage
	problem *Problem
}

// newItem prepares an event of tenant t that arrived at now.
func newItem(index int, e meter.Event, t meter.Tenant, now time.Time) item {
	it := item{index: index}
	if e.ID != "" {
		it.id = scripts.EventID{Tenant: e.Tenant, ID: e.ID, Content: content(e)}
	}
	if e.At.IsZero() {
		e.At = now
	}
	minute := e.At.Unix() / 60
	it.counter = scripts.Counter{
		Minute: minute, Late: minute < now.Unix()/60-lateMinutes, Day: t.Day(e.At),
		Tenant: e.Tenant, Feature: e.Feature, Tokens: e.Tokens, Events: 1,
	}
	it.line = appendLine(nil, uuid.Must(uuid.NewV7()), e)
	return it
}

// add puts an event of tenant t into the submission.
func (s *submission) add(it item, t meter.Tenant) {
	s.items = append(s.items, it)
	switch {
	case len(s.tenants) == 0: // most requests name one tenant: no map for those
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

// sum prepares lines and counters of the items that are left.
func (s *submission) sum() {
	size := 0
	for _, it := range s.items {
		size += len(it.line) + 1
	}
	s.lines = make([]byte, 0, size)
	sums := newSums(len(s.items))
	for i, it := range s.items {
		if i > 0 {
			s.lines = append(s.lines, '\n')
		}
		s.lines = append(s.lines, it.line...)
		sums.add(it.counter)
	}
	s.counters = sums.counters
	s.accepted = len(s.items)
}

// content is what an event id was sent for, as the client sent it.
func content(e meter.Event) string {
	buf := make([]byte, 0, 256)
	buf = append(buf, e.Feature...)
	buf = binary.BigEndian.AppendUint64(append(buf, 0), uint64(e.Tokens))
	if !e.At.IsZero() {
		buf = binary.BigEndian.AppendUint64(buf, uint64(e.At.UnixMicro()))
	}
	return string(buf)
}

// sums adds up counters, one a (minute, late, day, tenant, feature).
type sums struct {
	at       map[scripts.Counter]int // key: the counter without its amounts
	counters []scripts.Counter
}

func newSums(size int) sums { return sums{at: make(map[scripts.Counter]int, min(size, 64))} }

func (s *sums) add(c scripts.Counter) {
	key := c
	key.Tokens, key.Events = 0, 0
	i, ok := s.at[key]
	if !ok {
		i = len(s.counters)
		s.at[key] = i
		s.counters = append(s.counters, key)
	}
	s.counters[i].Tokens += c.Tokens // 20,000 events of 10^12 are far below 2^63
	s.counters[i].Events += c.Events
}
