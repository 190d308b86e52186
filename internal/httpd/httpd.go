// Package httpd serves HTTP for every role: with time limits on each connection, and a shutdown
// that finishes the requests in progress.
package httpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// drainLimit bounds how long the requests in progress may take after DrainDelay. A role must exit
// within 25 s after that.
const drainLimit = 20 * time.Second

// Server is how a role serves HTTP.
type Server struct {
	Handler http.Handler
	Log     *slog.Logger
	// Limits are those of each connection; zero: Standard.
	Limits Limits
	// DrainDelay is how long the server keeps serving after its shutdown has begun.
	DrainDelay time.Duration
	// Draining is called when the shutdown begins; nil means no call.
	Draining func()
}

// Serve answers on listener until ctx is done. Then it calls Draining, and Leave of a listener that
// has it, and keeps serving for DrainDelay, closing each connection after its answer. After that it
// accepts no new connections, and returns when the requests in progress are answered, including
// uploads that have begun, or 20 s later.
//
// No request fails because of the shutdown, for these reasons:
//
//   - A request that arrives during DrainDelay, on an old or new connection, is served, and the
//     answer says "Connection: close": the client does not use that connection again.
//   - Connections that wait to be accepted when DrainDelay is over are reset if the kernel
//     closes the socket with them. Package listen has the ways in which there are none.
//   - The server waits for an accepted connection until it is answered, or has sent nothing for
//     5 s, or no whole header within 5 s (Limits). http.Server.Shutdown alone would drop a request
//     whose header arrives after the call (see connections).
//   - A connection that was idle for the whole of DrainDelay is closed at its end. HTTP/1.1 cannot
//     announce that, so a request sent at that very moment fails. Only a client that neither heeds
//     /readyz nor gives up idle connections within DrainDelay can send one, after being silent for
//     DrainDelay. That is the only gap: a proxy that does one of the two never sends that request.
//     Closing idle connections earlier would widen the gap, to clients that are silent for less.
//   - Upgraded connections (WebSockets) are the handler's to end, through Draining.
func (s Server) Serve(ctx context.Context, listener net.Listener) error {
	limits := s.Limits
	if limits == (Limits{}) {
		limits = Standard()
	}
	server, conns := limits.server(lingering(closing(ctx, s.Handler)), s.Log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(conns.listener(listener)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	if s.Draining != nil {
		s.Draining()
	}
	if shared, ok := listener.(interface{ Leave() error }); ok {
		if err := shared.Leave(); err != nil {
			s.Log.Warn("new connections may be lost at the end", "error", err)
		}
	}
	time.Sleep(s.DrainDelay)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	listener.Close() // an error would only mean that it is closed
	<-served
	err := conns.wait(limit)
	if err == nil {
		err = server.Shutdown(limit)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("answer the requests in hand: %w", err), server.Close())
	}
	return nil
}

// closing ends every connection behind its next answer once ctx is done.
func closing(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Metrics is the handler of a role without an API: /metrics and /healthz.
func Metrics(log *slog.Logger, registry *prometheus.Registry) http.Handler {
	observer := NewObserver(log, registry)
	mux := http.NewServeMux()
	handle := func(path string, h http.Handler) {
		observed := observer.Route(http.MethodGet, path)
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			observed.Takes(w)
			h.ServeHTTP(w, r)
		})
	}
	if registry != nil {
		handle("/metrics", Scrape(registry))
	}
	handle("/healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}`))
	}))
	return observer.Handler(Guard(mux, Data()))
}

// Scrape is the handler of /metrics. It serves the formats that Prometheus asks for; only protobuf
// has native histograms. A metric that fails does not hide the others.
func Scrape(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes})
}

// maxScrapes is how many scrapes may run at once: more than that is an attack.
const maxScrapes = 8
