package httpd

import (
	"context"
	"net/http"
)

// Stream begins an answer of unknown length. Until complete is called, the connection is
// one that resets when it ends, however it does: because the handler panics with
// http.ErrAbortHandler, because a deadline has passed or because the process is killed. An end
// without a reset would look like that of a whole answer to a client of HTTP/1.0, which is
// what nginx speaks with a server by default.
//
// The handler flushes what it has written before it calls complete. One that cannot finish
// panics with http.ErrAbortHandler. In a server that is none of this package it has no effect.
func Stream(ctx context.Context) (complete func()) {
	conn, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return func() {}
	}
	_ = conn.SetLinger(0) // an error is one of a connection that has ended
	return func() { _ = conn.SetLinger(-1) }
}

// Begun reports whether an answer through w has begun: then another cannot be given.
func Begun(w http.ResponseWriter) bool {
	rec := recorderOf(w)
	return rec != nil && rec.status != 0
}
