package httpd

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// busy are the connections that a request is expected on or being answered on: those that were
// accepted and have had no answer yet, and those between two answers on which another request
// has arrived. http.Server.Shutdown knows them too, but closes a connection without an answer
// if it has read the header of a request when it is called: at 1,000 requests/s on new
// connections that was one in every few deployments. So these are waited for before.
//
// A connection is entered once, and each of its requests only sets a mark.
type busy struct{ conns sync.Map } // *atomic.Bool by net.Conn

// note is for http.Server.ConnState.
func (b *busy) note(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		expects := new(atomic.Bool)
		expects.Store(true)
		b.conns.Store(c, expects)
	case http.StateActive, http.StateIdle:
		if mark, ok := b.conns.Load(c); ok {
			mark.(*atomic.Bool).Store(state == http.StateActive)
		}
	default:
		b.conns.Delete(c)
	}
}

// wait returns when there are none, or with the error of ctx. No new ones may be accepted.
func (b *busy) wait(ctx context.Context) error {
	for {
		none := true
		b.conns.Range(func(_, mark any) bool {
			none = !mark.(*atomic.Bool).Load()
			return none
		})
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
