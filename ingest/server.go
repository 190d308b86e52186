package ingest

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/live"
	"github.com/eduardosanzb/flagmeter/ingest/query"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/fair"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Options are what the API works with. All of Backend, and Dedupe, are required.
type Options struct {
	backend.Backend
	Dedupe time.Duration // how long an event id is remembered
	// Registry gets the metrics and is served at /metrics. Without one, requests are neither
	// counted nor timed, numbered or logged.
	Registry *prometheus.Registry
	// TopTenants is how many tenants metrics may name, at most 50.
	TopTenants int
	// AutoCreate adds unknown tenants with DefaultQuota tokens, 0 for none.
	AutoCreate   bool
	DefaultQuota int64
	// DefaultThresholds are theirs, in percent.
	DefaultThresholds []int
	// Rate limits the events of tenants without a rate of their own; zero: nothing does.
	Rate meter.Rate
	// Guard limits, in this process alone, the events of tenants without any rate; zero:
	// nothing does.
	Guard meter.Rate
	// MaxInFlight is how many requests with events are in hand of an API key, and how many of a
	// tenant wait in a shard; 0: any number.
	MaxInFlight int
	// GroupLinger is how long a group may wait for more requests when several come at a time.
	GroupLinger time.Duration
	// MaxFeatures is how many features a tenant may have; 0: any number.
	MaxFeatures int
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
	db           *sqlx.DB
	valkey       *scripts.Valkey
	tenants      *tenants.Directory
	live         *usage.Live
	now          func() time.Time
	log          *slog.Logger
	registry     *prometheus.Registry
	metrics      *metrics
	observer     *httpd.Observer
	top          *topTenants
	ids          *record.IDs
	autoCreate   bool
	defaultQuota int64
	thresholds   []int
	linger       time.Duration
	headers      httpd.Headers
	guard        *account.Guard
	admin        *account.Admin
	embedders    []string
	dedupeWindow []string // the value of dedupeHeader

	inFlight *fair.Limit[string] // of requests with events, by API key
	reading  *fair.Gate          // of large bodies
	large    *fair.Gate          // of requests that are likely to be staged
	// turnLimit is how long those wait for their turn.
	turnLimit time.Duration
	budget    *budget.Budget
	limits    httpd.Limits

	limiter    *limiter
	committers []*committer
	draining   atomic.Bool

	query *query.Handlers
	feeds *live.Feeds
}

// New returns a server that is not running yet.
func New(o Options) *Server {
	s := &Server{db: o.DB, valkey: o.Valkey, tenants: o.Tenants, live: o.Live, now: o.Now, log: o.Log,
		registry: o.Registry, observer: httpd.NewObserver(o.Log, o.Registry), ids: record.NewIDs(), autoCreate: o.AutoCreate, defaultQuota: o.DefaultQuota, thresholds: o.DefaultThresholds, linger: o.DrainDelay,
		embedders: o.FrameAncestors, headers: httpd.Data().WithHSTS(o.HSTS)}
	s.dedupeWindow = dedupeSeconds(o.Dedupe)
	s.limits = httpd.Standard()
	s.limits.Connections = o.Connections
	s.limits = s.limits.Filled()
	var reg prometheus.Registerer
	if o.Registry != nil {
		reg = o.Registry
	}
	s.guard = account.NewGuard(o.Callers, o.Tenants, reg)
	s.admin = account.NewAdmin(o.Backend, s.guard, o.Callers.KeyLimits)
	s.budget = budget.New(o.Memory)
	snapshots := &query.Snapshotter{}
	s.query = query.New(o.Backend, s.guard, s.budget, snapshots)
	o.LiveClients.Connections = s.limits.Connections
	s.feeds = live.New(o.Backend, s.guard, snapshots, o.LiveClients, reg)
	s.metrics = newMetrics(o.Registry)
	s.metrics.showMemory(o.Registry, s.budget)
	s.top = newTopTenants(o.Live, o.TopTenants, o.Registry)
	s.limiter = newLimiter(o, s.metrics)
	s.inFlight = fair.NewLimit(fair.Each[string](o.MaxInFlight), 0)
	s.reading = fair.NewGate(runtime.GOMAXPROCS(0) - 1) // the last processor is for small ones
	// One of them is decoded while others are stored.
	s.large, s.turnLimit = fair.NewGate(1+stagers*o.Valkey.Shards()), turnLimit
	for shard := range o.Valkey.Shards() {
		s.committers = append(s.committers, newCommitter(shard, o, s.limiter, s.metrics))
	}
	s.metrics.showFeatures(o.Registry, func() (most int64) {
		for _, c := range s.committers {
			most = max(most, c.features.largest.Load())
		}
		return most
	})
	return s
}

// Run serves on listener until ctx is done, then refuses new connections, answers the
// requests in hand, and returns. The caller fills Tenants and keeps Live fresh; until
// Tenants is filled, the answer to everything about tenants is 503.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	commits, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, c := range s.committers {
		running.Go(func() { c.run(commits) })
		for range stagers {
			running.Go(func() { c.stage(commits) })
		}
	}
	running.Go(func() { s.observer.LogSums(commits) })
	if s.top != nil {
		jobs := schedule.New(s.log, s.registry)
		s.top.addTo(jobs)
		running.Go(func() { jobs.Run(commits) })
	}
	http := httpd.Server{Handler: s.Handler(), Log: s.log, Limits: s.limits, DrainDelay: s.linger, Draining: func() {
		s.draining.Store(true)
		s.feeds.End()
	}}
	err := http.Serve(ctx, listener)
	s.feeds.End() // also if serving has failed
	s.feeds.Wait()
	stop()
	running.Wait()
	return err
}
