package ingest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/intake"
	"github.com/eduardosanzb/flagmeter/ingest/live"
	"github.com/eduardosanzb/flagmeter/ingest/manage"
	"github.com/eduardosanzb/flagmeter/ingest/query"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
)

// Options are what the API works with. All of Backend, and Limits.Dedupe, are required.
type Options struct {
	backend.Backend
	// Registry gets the metrics and is served at /metrics. Without one, requests are neither
	// counted nor timed, numbered or logged.
	Registry *prometheus.Registry
	// TopTenants is how many tenants metrics may name, at most 50.
	TopTenants int
	// Intake says what is taken in, and Limits what is counted of it.
	Intake intake.Settings
	Limits commit.Settings
	// Callers says who may call, and what API keys they may make.
	Callers account.Settings
	// FrameAncestors are the origins whose pages may show the dashboard in a frame.
	FrameAncestors []string
	// DrainDelay is how long Run goes on answering after its end has begun.
	DrainDelay time.Duration
	// LiveClients says how live clients are served; its Connections follow from Connections.
	LiveClients live.Settings
	// Memory is how many bytes requests in hand may take together; 0: a quarter of the process's
	// memory limit.
	Memory int64
	// Connections is how many may be open at once; 0: as many as the memory limit allows.
	Connections int
	// HSTS tells browsers for how long to come through TLS only; 0: nothing.
	HSTS time.Duration
}

// Server is the HTTP API with its committers.
type Server struct {
	backend  backend.Backend
	registry *prometheus.Registry
	http     httpSettings
	observer *httpd.Observer
	budget   *budget.Budget // the memory for requests and answers
	draining atomic.Bool

	guard  *account.Guard
	admin  *account.Admin
	manage *manage.Handlers
	intake *intake.Handlers
	commit *commit.Committers
	query  *query.Handlers
	live   *live.Feeds
	top    *topTenants
}

// httpSettings are those of the server around the API.
type httpSettings struct {
	limits    httpd.Limits
	headers   httpd.Headers
	drain     time.Duration
	embedders []string
}

// New returns a server that is not running yet.
func New(o Options) *Server {
	limits := httpd.Standard()
	limits.Connections = o.Connections
	limits = limits.Filled()
	o.LiveClients.Connections = limits.Connections
	var reg prometheus.Registerer
	if o.Registry != nil {
		reg = o.Registry
	}
	s := &Server{
		backend: o.Backend, registry: o.Registry, observer: httpd.NewObserver(o.Log, o.Registry),
		http:   httpSettings{limits, httpd.Data().WithHSTS(o.HSTS), o.DrainDelay, o.FrameAncestors},
		budget: budget.New(o.Memory),
		guard:  account.NewGuard(o.Callers, o.Tenants, reg),
		commit: commit.New(o.Backend, o.Limits, reg),
		top:    newTopTenants(o.Backend.Live, o.TopTenants, reg),
	}
	showMemory(s.budget, reg)
	snapshots := &query.Snapshotter{}
	s.admin = account.NewAdmin(o.Backend, s.guard, o.Callers.KeyLimits)
	s.manage = manage.New(o.Backend, s.guard)
	s.intake = intake.New(o.Backend, o.Intake, s.commit, s.budget)
	s.query = query.New(o.Backend, s.guard, s.budget, snapshots)
	s.live = live.New(o.Backend, s.guard, snapshots, o.LiveClients, reg)
	return s
}

// Run serves on listener until ctx is done, then refuses new connections, answers the
// requests in hand, and returns. The caller fills Tenants and keeps Live fresh; until
// Tenants is filled, the answer to everything about tenants is 503.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	background, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.commit.Run(background) })
	running.Go(func() { s.observer.LogSums(background) })
	if s.top != nil {
		jobs := schedule.New(s.backend.Log, s.registry)
		s.top.addTo(jobs)
		running.Go(func() { jobs.Run(background) })
	}
	http := httpd.Server{Handler: s.Handler(), Log: s.backend.Log, Limits: s.http.limits,
		DrainDelay: s.http.drain, Draining: func() {
			s.draining.Store(true)
			s.live.End()
		}}
	err := http.Serve(ctx, listener)
	s.live.End() // also if serving has failed
	s.live.Wait()
	stop()
	running.Wait()
	return err
}
