package httpd

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// connections are the connections of one server, within its limits. The server accepts every
// newcomer, and makes room for it:
//
//   - If there are more than most, an eighth of all is evicted at a time, those idle longest, so
//     that finding them costs each newcomer next to nothing. If all are being answered, the
//     newcomer gets 503.
//   - If more than quiet have not sent the whole header of a request, those that have taken longest
//     are evicted. An honest client needs a round trip for a header, so none is evicted in the
//     first tenth of a second; until then newcomers wait in the kernel's queue.
//
// So a client that only holds connections open keeps them until another client needs the room, and
// honest clients get through.
type connections struct {
	most, quiet int
	header      time.Duration // Limits.Header
	ahead       time.Duration // for how much longer than that a new connection may be silent
	began       time.Time
	listening   atomic.Int64 // unheard and begun

	mu  sync.Mutex
	all map[*connection]struct{}
}

// patience is how long a client has for a header while others wait for its place.
const patience = 100 * time.Millisecond

func newConnections(l Limits) *connections {
	return &connections{most: l.Connections, quiet: l.Unheard, header: l.Header,
		ahead: max(0, l.Idle-l.Header), began: time.Now(), all: map[*connection]struct{}{}}
}

// now is a clock that only runs forward and costs half of what the wall clock does.
func (t *connections) now() int64 { return int64(time.Since(t.began)) }

// counted is a listener whose connections are in a table.
type counted struct {
	net.Listener
	of *connections
}

// listener is l, with its connections in the table.
func (t *connections) listener(l net.Listener) net.Listener { return counted{l, t} }

// Accept returns the next connection.
func (l counted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, of: l.of, later: l.of.ahead}, nil
}

// fullAnswer goes to a client for which there is no room. fullLimit bounds the time to write it: it
// goes into an empty buffer.
const (
	fullAnswer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Retry-After: 2\r\nConnection: close\r\nContent-Length: 43\r\n\r\n" +
		"there are more connections than room: wait\n"
	fullLimit = 10 * time.Millisecond
)

// admit enters a new connection and makes room for it. net/http calls it before it accepts the
// next one, so waiting here leaves newcomers in the kernel's queue.
func (t *connections) admit(c *connection) {
	c.since.Store(t.now())
	t.listening.Add(1)
	t.mu.Lock()
	t.all[c] = struct{}{}
	open := len(t.all)
	t.mu.Unlock()
	for int(t.listening.Load()) > t.quiet && !t.evict(patience, unheard, begun) {
		time.Sleep(patience / 20)
	}
	if open > t.most && !t.evict(0, idle) && !t.evict(patience, unheard, begun) {
		_ = c.SetWriteDeadline(time.Now().Add(fullLimit)) // it is closed in any case
		_, _ = c.Write([]byte(fullAnswer))
		c.evict(unheard)
	}
}

// evict closes an eighth of the connections that are in one of the states for at least as
// long as given, those that are in it for longest, and reports whether it has closed any.
func (t *connections) evict(atLeast time.Duration, states ...int32) bool {
	type candidate struct {
		*connection
		was int32
		age time.Duration
	}
	now := t.now()
	var found []candidate
	t.mu.Lock()
	for c := range t.all {
		state := c.state.Load()
		if age := c.age(now); age >= atLeast && slices.Contains(states, state) {
			found = append(found, candidate{c, state, age})
		}
	}
	t.mu.Unlock()
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(b.age, a.age) })
	closed := false
	for _, c := range found[:(len(found)+7)/8] {
		closed = c.evict(c.was) || closed
	}
	return closed
}

// forget takes a connection out.
func (t *connections) forget(c *connection) {
	t.mu.Lock()
	delete(t.all, c)
	t.mu.Unlock()
}

// remove takes out one that has ended, or that its handler has taken over.
func (t *connections) remove(c *connection) {
	c.become(active) // none is expected of it any more
	t.forget(c)
}

// wait returns when no request is expected or being answered, or with the error of ctx. It closes a
// connection that has been silent for as long as a header may take. No new connections may be
// accepted. http.Server.Shutdown waits too, but drops without an answer a connection whose request
// header it has read when it is called. At 1,000 requests/s on new connections that happened in one
// of every few deployments. So the server calls wait first.
func (t *connections) wait(ctx context.Context) error {
	for {
		none := true
		t.mu.Lock()
		var silent []*connection
		for c := range t.all {
			switch state := c.state.Load(); {
			case state == unheard && c.age(t.now()) >= t.header:
				silent = append(silent, c)
			case state != idle:
				none = false
			}
		}
		t.mu.Unlock()
		for _, c := range silent {
			none = c.evict(unheard) && none // unless a request has begun meanwhile
		}
		if none {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
