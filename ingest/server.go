package ingest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/web"
)

// Options are what the API works with. All before Registry are required.
type Options struct {
	DB      *sqlx.DB
	Valkey  *scripts.Valkey
	Tenants *tenants.Directory
	Live    *usage.Live
	Dedupe  time.Duration // how long an event id is remembered
	Now     func() time.Time
	Log     *slog.Logger
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
	// Linger is how long Run goes on answering after its end has begun.
	Linger time.Duration
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
	ids          *eventIDs
	autoCreate   bool
	defaultQuota int64
	thresholds   []int
	linger       time.Duration

	committers []*committer
	draining   atomic.Bool

	feeds        *feeds
	feedPatience time.Duration
}

// route is a path with its parameters as the router writes them.
type route struct{ method, path string }

// New returns a server that is not running yet.
func New(o Options) *Server {
	s := &Server{db: o.DB, valkey: o.Valkey, tenants: o.Tenants, live: o.Live, now: o.Now, log: o.Log,
		registry: o.Registry, observer: httpd.NewObserver(o.Log, o.Registry), ids: newEventIDs(), autoCreate: o.AutoCreate, defaultQuota: o.DefaultQuota, thresholds: o.DefaultThresholds, linger: o.Linger}
	s.feeds, s.feedPatience = newFeeds(o.Live, o.Log), 5*time.Second
	s.metrics = newMetrics(o.Registry, s.feeds.count)
	s.top = newTopTenants(o.Live, o.TopTenants, o.Registry)
	for shard := range o.Valkey.Shards() {
		s.committers = append(s.committers, newCommitter(shard, o, s.metrics))
	}
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
	}
	running.Go(func() { s.observer.LogSums(commits) })
	if s.top != nil {
		jobs := schedule.New(s.log, s.registry)
		s.top.addTo(commits, jobs)
		running.Go(func() { jobs.Run(commits) })
	}
	err := httpd.Serve(ctx, listener, s.Handler(), s.linger, func() {
		s.draining.Store(true)
		s.feeds.end()
	})
	s.feeds.end() // also if serving has failed
	s.feeds.wait()
	stop()
	running.Wait()
	return err
}

// Handler is the API without a server around it. POST /events works only while Run does.
func (s *Server) Handler() http.Handler {
	handler, _ := s.routes()
	return handler
}

// routes returns the API and what it has registered.
func (s *Server) routes() (_ http.Handler, all []route) {
	router := &httprouter.Router{
		HandleMethodNotAllowed: true,
		NotFound:               http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteProblem(w, problemNotFound(r.URL.Path)) }),
		MethodNotAllowed:       http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteProblem(w, problemMethod(r.Method)) }),
		PanicHandler: func(w http.ResponseWriter, r *http.Request, value any) {
			if value == http.ErrAbortHandler { // a handler breaks off an answer that it has begun
				panic(value)
			}
			httpd.Logger(w, s.log).Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", value)
			WriteProblem(w, problemInternal())
		},
	}
	handle := func(method, path string, h httprouter.Handle) {
		all = append(all, route{method, path})
		observed := s.observer.Route(method, path)
		observe := func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
			observed.Takes(w)
			h(w, r, params)
		}
		router.Handle(method, path, observe)
		if method == "GET" && path != "/live" { // net/http leaves the body out
			all = append(all, route{"HEAD", path})
			router.Handle("HEAD", path, observe)
		}
	}
	plain := func(path string, h http.Handler) {
		handle("GET", path, func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) { h.ServeHTTP(w, r) })
	}
	handle("POST", "/events", s.started(s.postEvents))
	handle("GET", "/usage/:tenant", s.started(s.getUsage))
	handle("GET", "/usage/:tenant/series", s.started(s.getSeries))
	handle("GET", "/usage/:tenant/series.csv", s.started(s.getSeriesCSV))
	handle("GET", "/usage/:tenant/events.csv", s.started(s.getEventsCSV))
	handle("GET", "/tenants", s.started(s.getTenants))
	handle("GET", "/tenants.csv", s.started(s.getTenantsCSV))
	handle("GET", "/alerts", s.started(s.getAlerts))
	handle("GET", "/healthz", s.getHealth)
	handle("GET", "/readyz", s.started(s.getReady))
	handle("GET", "/openapi.yaml", getOpenAPI)
	handle("GET", "/live", s.started(s.getLive))

	pages := web.Handler()
	plain("/usage", pages)
	plain("/assets/:version/*path", pages)
	plain("/", http.RedirectHandler("/usage", http.StatusFound))
	if s.registry != nil {
		plain("/metrics", httpd.Scrape(s.registry))
	}
	return s.observer.Handler(escapedPaths(router)), all
}

// escapedPaths routes by the path as it is escaped, because a tenant's name may
// contain a slash. Handlers unescape their parameters: all paths must be escaped then,
// or a tenant called 100% could not be asked for.
func escapedPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if escaped := r.URL.EscapedPath(); escaped != r.URL.Path {
			u := *r.URL
			u.Path = escaped
			clone := *r
			clone.URL = &u
			r = &clone
		}
		next.ServeHTTP(w, r)
	})
}

// unavailable answers 503, and logs why unless the client has gone away.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request, detail string, err error) {
	if r.Context().Err() == nil {
		httpd.Logger(w, s.log).Error(detail, "path", r.URL.Path, "error", err)
	}
	WriteProblem(w, problemUnavailable(detail))
}
