package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"
)

const (
	// tenant is the one tenant of the loads that have one, and of k6; the others are
	// customers.
	tenant    = "acme-corp"
	customers = 200
)

// workload says what the events of a load are like.
type workload struct {
	events   int // of a request
	tenants  int // customers that the events of a request are about; 1 is acme-corp
	features int // of each
	ids      identity
	// The times of events are spread evenly: that long before the load began.
	newest, oldest time.Duration
}

// identity is how a client makes it safe to send a request again.
type identity string

const (
	noIDs  identity = "without ids"
	idEach identity = "an id each"                  // in each event
	oneKey identity = "one key for the whole of it" // in the header Idempotency-Key
)

// usual is the workload of `make bench`, unless a row says otherwise: events are idempotent,
// of many tenants, and of the last minutes.
func usual(events int) workload {
	return workload{events: events, tenants: customers, features: 5, ids: idEach,
		oldest: 5 * time.Minute}
}

func (w workload) with(ids identity) workload {
	w.ids = ids
	return w
}

func (w workload) of(tenants int) workload {
	w.tenants = tenants
	return w
}

// over is w with events of minutes that are over. The flusher adds those to rollups at its
// next turn, others only when their minute is over.
func (w workload) over() workload {
	w.newest = time.Minute
	return w
}

// prepared is a request that lacks nothing but ids; there is an old one at each place.
type prepared struct {
	text   []byte
	places []int
}

// open composes the requests of a connection beforehand: to write a body of 1,000 events takes
// the client as long as the server needs to read it. What is left to do for each request
// is to write new ids. A connection sends all that are prepared before it repeats one.
func (w workload) open(connection int) request {
	all := make([]prepared, max(4, 128/w.events))
	chance, ids, now := rand.New(rand.NewPCG(1, uint64(connection))), newIDs(), time.Now()
	for i := range all {
		all[i] = w.compose(chance, ids.whole, now)
	}
	next := 0
	return func() []byte {
		p := &all[next]
		if next++; next == len(all) {
			next = 0
		}
		for _, at := range p.places {
			ids.put(p.text[at:])
		}
		return p.text
	}
}

// compose makes a request to POST /events with id in the place of all ids.
func (w workload) compose(chance *rand.Rand, id string, now time.Time) (p prepared) {
	var body []byte
	if w.events > 1 {
		body = append(body, '[')
	}
	for i := range w.events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, '{')
		if w.ids == idEach {
			body = append(body, `"id":"`...)
			p.places = append(p.places, len(body))
			body = append(append(body, id...), `",`...)
		}
		body = fmt.Appendf(body, `"tenant":"%s","feature":"feature-%d","tokens":%d,"timestamp":"`,
			w.draw(chance), chance.IntN(w.features), 1+chance.IntN(4000))
		age := w.newest
		if spread := w.oldest - w.newest; spread > 0 {
			age += time.Duration(chance.Int64N(int64(spread)))
		}
		body = now.Add(-age).UTC().AppendFormat(body, "2006-01-02T15:04:05.000Z")
		body = append(body, `"}`...)
	}
	if w.events > 1 {
		body = append(body, ']')
	}
	head := []byte("POST /events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n")
	if w.ids == oneKey {
		head = append(head, `Idempotency-Key: "`...)
		p.places = append(p.places, len(head))
		head = append(append(head, id...), "\"\r\n"...)
	}
	head = fmt.Appendf(head, "Content-Length: %d\r\n\r\n", len(body))
	if w.ids == idEach {
		for i := range p.places {
			p.places[i] += len(head)
		}
	}
	p.text = append(head, body...)
	return p
}

// draw picks the tenant of an event.
func (w workload) draw(chance *rand.Rand) string {
	if w.tenants == 1 {
		return tenant
	}
	return customer(chance.IntN(w.tenants))
}

func customer(n int) string { return "customer-" + strconv.Itoa(n) }

// get makes a GET request.
func get(path string) func(int) request {
	text := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path)
	return func(int) request { return func() []byte { return text } }
}

// usagePath is where the usage of a tenant is.
func usagePath(name string) string { return "/usage/" + url.PathEscape(name) }
