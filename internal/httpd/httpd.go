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

// drainLimit bounds how long the requests in hand may take after the end has begun.
// A role must be gone 25 s after SIGTERM.
const drainLimit = 20 * time.Second

// Serve answers on listener until ctx is done. Then it calls draining and goes on for
// linger, closing each connection behind its answer: a client that has just sent a
// request on an idle connection must not find it closed. After that it takes no new
// connections, and returns when the requests in hand are answered.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, linger time.Duration, draining func()) error {
	server := &http.Server{
		Handler:           closing(ctx, handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	draining()
	time.Sleep(linger)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
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
	return observer.Handler(mux)
}

// Scrape is the handler of /metrics. It speaks the formats that Prometheus asks for; only in
// protobuf are there native histograms. A metric that cannot be had does not hide the others.
func Scrape(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes})
}

// maxScrapes is how many may run at once: beyond that somebody does not scrape but attack.
const maxScrapes = 8
