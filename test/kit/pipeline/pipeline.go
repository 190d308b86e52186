// Package pipeline runs the way of an event in the test's process: servers of the API on real
// stores, and readers, by a clock in the test's hand. A test adds its flusher, so that the
// flusher's own tests can use this package; those of package ingest cannot.
package pipeline

import (
	"context"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/ingest"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/backendtest"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Pipeline is what one deployment shares, and its first server.
type Pipeline struct {
	testing.TB
	*stacktest.Env
	*clock.Clock
	Scripts *scripts.Valkey // as the program
	Tenants *tenants.Directory
	Live    *usage.Live // of the first server
	API     api.Client  // to the first server

	limits commit.Settings
}

// New starts a server with these limits. It runs until the test ends, and so do all that Serve
// starts.
func New(
	tb testing.TB, env *stacktest.Env, clock *clock.Clock, limits commit.Settings,
) *Pipeline {
	tb.Helper()
	p := &Pipeline{TB: tb, Env: env, Clock: clock, Scripts: scripts.New(env.AppValkey, 1),
		limits: limits}
	b := backendtest.Of(env.AppDB, p.Scripts, clock.Now)
	p.Tenants, p.Live = b.Tenants, b.Live
	p.API = p.serve(p.Live)
	return p
}

// Reader returns a new reader of usage, which has read nothing yet.
func (p *Pipeline) Reader() *usage.Live {
	return usage.New(p.AppDB, p.Scripts, p.Tenants, p.Now)
}

// Serve starts one more server, with a reader of its own.
func (p *Pipeline) Serve() api.Client {
	p.Helper()
	return p.serve(p.Reader())
}

func (p *Pipeline) serve(live *usage.Live) api.Client {
	p.Helper()
	b := backendtest.Of(p.AppDB, p.Scripts, p.Now)
	b.Tenants, b.Live = p.Tenants, live
	server := ingest.New(ingest.Options{Backend: b, Limits: p.limits,
		Registry: prometheus.NewRegistry()})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, listener) }()
	tb := p.TB // a test may go on with the pipeline in a subtest
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("ingest server: %v", err)
		}
	})
	return api.Client{URL: "http://" + listener.Addr().String()}
}

// Reload makes every server know the tenants as they are in Postgres.
func (p *Pipeline) Reload() {
	p.Helper()
	if err := p.Tenants.Refresh(context.Background()); err != nil {
		p.Fatal(err)
	}
}

// Exec runs a statement as the administrator.
func (p *Pipeline) Exec(statement string, args ...any) {
	p.Helper()
	p.Env.Exec(p, statement, args...)
}

// Count runs a query that returns one whole number as the administrator.
func (p *Pipeline) Count(query string, args ...any) int64 {
	p.Helper()
	return p.Env.Count(p, query, args...)
}
