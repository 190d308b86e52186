package httpd

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// Limits bound what one connection may take of a process.
type Limits struct {
	// Header is how long the header of a request may take to arrive.
	Header time.Duration
	// Read is how long a whole request may take to arrive, its header included.
	Read time.Duration
	// Write is how long the answer may take to be sent, counted from the end of the
	// header. It is longer than Read: a client whose body came too late is told so.
	Write time.Duration
	// Idle is how long a connection may wait for its first or next request.
	Idle time.Duration
	// HeaderBytes is the longest header of a request, with its first line. net/http adds
	// 4 KiB for its own buffer before it answers 431.
	HeaderBytes int
	// Connections is how many may be open; 0: as many as the process's memory limit allows.
	// WebSockets do not count: their handler bounds them.
	Connections int
	// Unheard is how many of them may be sending the header of a request, and not be done; 0: as
	// Connections.
	Unheard int
}

// Standard are the limits of every role. A body is at most 4 MiB: a client that needs more than 30
// s for it sends less than 140 kB/s. A header has 8 KiB, half of them for the buffer.
func Standard() Limits {
	return Limits{Header: 5 * time.Second, Read: 30 * time.Second, Write: 45 * time.Second,
		Idle: 2 * time.Minute, HeaderBytes: 4 << 10}
}

// Filled sets, where that is not set, as many connections as the process's memory limit allows.
func (l Limits) Filled() Limits { return l.within(debug.SetMemoryLimit(-1)) }

// within sets, where unset, how many connections fit into a process with that much memory, in
// bytes. An idle connection takes 21 kB with what the garbage collector leaves. A header of 8 KiB
// takes up to 130 kB while it arrives, if its lines are short. So idle connections take at most a
// sixth of the memory, and headers an eighth. Without a memory limit the number suits any machine
// of this size.
func (l Limits) within(memory int64) Limits {
	if l.Connections == 0 {
		l.Connections = int(min(max(memory/(128<<10), 256), 20_000))
	}
	if l.Unheard == 0 {
		l.Unheard = min(int(min(max(memory/(1<<20), 32), 4096)), l.Connections)
	}
	return l
}

// Scrapes are the limits of a listener that serves metrics or profiles: few ask there.
func Scrapes() Limits {
	l := Standard()
	l.Connections, l.Unheard = 128, 32
	return l
}

// server applies the limits, and returns the table of what connections it has: they come
// through its listener. It speaks HTTP/1.1 and 1.0 only, without TLS: a proxy in front
// of it ends TLS and speaks HTTP/2 or 3 to browsers. What net/http has to say of a
// connection, such as a panic, goes to log.
func (l Limits) server(handler http.Handler, log *slog.Logger) (*http.Server, *connections) {
	l = l.Filled()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		ConnState:         note,
		ConnContext:       withConnection,
		ReadHeaderTimeout: l.Header,
		ReadTimeout:       l.Read,
		WriteTimeout:      l.Write,
		IdleTimeout:       l.Idle,
		MaxHeaderBytes:    l.HeaderBytes,
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// "OPTIONS *" is answered by the handler, as everything else.
		DisableGeneralOptionsHandler: true,
	}, newConnections(l)
}

type connectionKey struct{}

// withConnection lets handlers find the connection of a request.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}
