package httpd

import (
	"log/slog"
	"net/http"
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
	// Idle is how long a connection may wait for its next request.
	Idle time.Duration
	// HeaderBytes is the longest header of a request, with its first line. net/http adds
	// 4 KiB for its own buffer before it answers 431.
	HeaderBytes int
}

// Standard are the limits of every role. A body is at most 4 MiB: whoever needs more than
// 30 s for it sends less than 140 kB/s.
func Standard() Limits {
	return Limits{Header: 5 * time.Second, Read: 30 * time.Second, Write: 45 * time.Second, Idle: 2 * time.Minute, HeaderBytes: 16 << 10}
}

// server applies the limits. It speaks HTTP/1.1 and 1.0 only, without TLS: a proxy in front
// of it ends TLS and speaks HTTP/2 or 3 to browsers. What net/http has to say of a
// connection, such as a panic, goes to log.
func (l Limits) server(handler http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: l.Header,
		ReadTimeout:       l.Read,
		WriteTimeout:      l.Write,
		IdleTimeout:       l.Idle,
		MaxHeaderBytes:    l.HeaderBytes,
		Protocols:         protocols,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// "OPTIONS *" is answered by the handler, as everything else.
		DisableGeneralOptionsHandler: true,
	}
}
