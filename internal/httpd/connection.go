package httpd

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// The states of a connection. A request is expected in the first three.
const (
	unheard int32 = iota // accepted, and nothing has arrived yet
	begun                // the header of a request has begun
	active               // a request is being answered
	idle                 // answered, and nothing has arrived since
	evicted              // closed to make room
)

// connection is one that a server has accepted. It knows its state without a table to ask, since
// each request changes it twice.
type connection struct {
	net.Conn
	of    *connections
	state atomic.Int32
	since atomic.Int64 // when it has got into its state, in nanoseconds of its table's clock
	// later is by how much the first request may begin, or has begun, after net/http began to wait
	// for it. Only the goroutine that serves the connection uses it.
	later time.Duration
}

// Read reads, and notices the first bytes of the next request: net/http reports a request only
// when its whole header is there, and a header that has not ended takes memory.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	switch {
	case c.state.Load() == idle && c.state.CompareAndSwap(idle, begun):
		c.since.Store(c.of.now())
		c.of.listening.Add(1)
	case c.state.Load() == unheard && c.state.CompareAndSwap(unheard, begun):
		c.later = c.age(c.of.now())
		c.since.Store(c.of.now())
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.of.header)) // else the next Read fails
	}
	return n, err
}

// SetReadDeadline moves the deadlines of the first request, which net/http counts from the accept.
// Clients open connections in advance (Go's after each burst, browsers), use them later, and cannot
// know that the server closes one just as they send a request. So a new connection may be silent
// for as long as one between two requests, and a request has its time from its first byte on.
func (c *connection) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		t = t.Add(c.later)
	}
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite ends the answer and leaves the client time to read it, see package net.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// SetLinger sets what closing does with what is not sent yet, see package net. A connection that
// is no TCP has nothing to set.
func (c *connection) SetLinger(seconds int) error {
	if tcp, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}

// note is for http.Server.ConnState.
func note(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	switch state {
	case http.StateNew:
		c.of.admit(c)
	case http.StateActive:
		c.later = 0
		c.become(active)
	case http.StateIdle:
		c.since.Store(c.of.now())
		c.become(idle)
	case http.StateHijacked, http.StateClosed:
		c.of.remove(c)
	}
}

// become changes the state, unless the connection was evicted: it is closed then.
func (c *connection) become(next int32) {
	for {
		was := c.state.Load()
		if was == evicted || was == next {
			return
		}
		if c.state.CompareAndSwap(was, next) {
			if was == unheard || was == begun {
				c.of.listening.Add(-1)
			}
			return
		}
	}
}

// evict closes the connection if it is still in the state in which it was found.
func (c *connection) evict(was int32) bool {
	if !c.state.CompareAndSwap(was, evicted) {
		return false
	}
	if was != idle {
		c.of.listening.Add(-1)
	}
	c.of.forget(c)
	c.Close() // the error would be that it is closed
	return true
}

// age is how long the connection has been in its state.
func (c *connection) age(now int64) time.Duration { return time.Duration(now - c.since.Load()) }
