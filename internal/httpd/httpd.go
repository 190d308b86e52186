// Package httpd serves HTTP the way every role does: with time limits on each
// connection, and an end that finishes the requests in hand.
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

// drainLimit bounds how long the requests in hand may take after DrainDelay. A role must be gone
// 25 s after that.
const drainLimit = 20 * time.Second

// Server is how a role serves HTTP.
type Server struct {
	Handler http.Handler
	Log     *slog.Logger
	// Limits are those of each connection; zero: Standard.
	Limits Limits
	// DrainDelay is how long it goes on after its end has begun.
	DrainDelay time.Duration
	// Draining is called when its end begins; nil: nobody is told.
	Draining func()
}

// Serve answers on listener until ctx is done. Then it calls Draining and Leave of a
// listener that has it, and goes on for DrainDelay, closing each connection behind its answer.
// After that it takes no new connections, and returns when the requests in hand are
// answered, uploads that have begun among them, or 20 s later.
//
// No request fails because of the end, for these reasons:
//
//   - A request that arrives during DrainDelay, on a connection old or new, is served, and the
//     answer says "Connection: close": the client does not use that connection again.
//   - Connections that wait to be accepted when DrainDelay is over are reset if the kernel
//     closes the socket with them. Package listen has the ways in which there are none.
//   - One that is accepted is waited for until it is answered, or has sent nothing for 5 s, or no
//     whole header within 5 s (Limits). http.Server.Shutdown alone would not do: it drops a request whose header
//     arrives after it was called (see connections).
//   - One that was idle for the whole of DrainDelay is closed at its end. HTTP/1.1 has no way to
//     announce that, so a request that is sent in this very moment fails. It takes a client
//     that neither heeds /readyz nor gives up idle connections within DrainDelay. A proxy that
//     does one of the two never sends that request; of other clients, one that has been
//     silent for DrainDelay can, and that is the only hole. Closing idle connections
//     earlier would not close it but widen it, to clients that are silent for less.
//   - Connections that were upgraded (WebSockets) are the handler's to end, by Draining.
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

// Scrape is the handler of /metrics. It speaks the formats that Prometheus asks for; only in
// protobuf are there native histograms. A metric that cannot be had does not hide the others.
func Scrape(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes})
}

// maxScrapes is how many may run at once: beyond that somebody does not scrape but attack.
const maxScrapes = 8
