package ingest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/fair"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/internal/store"
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
	// Gate tells who makes a request; nil: nobody is asked for a credential.
	Gate *auth.Gate
	// OnlyLocal refuses requests that may come from another machine. It is for a server without
	// a Gate that relies on nobody else reaching it.
	OnlyLocal bool
	// KeyLimits bound how many API keys POST /keys makes; zero: nothing does.
	KeyLimits store.KeyLimits
	// FrameAncestors are the origins whose pages may show the dashboard in a frame.
	FrameAncestors []string
	// DrainDelay is how long Run goes on answering after its end has begun.
	DrainDelay time.Duration
	// CORSOrigins are the origins of other hosts whose pages may use the API.
	CORSOrigins []string
	// PublicURL is where browsers reach the API through a proxy, without a path; empty: where
	// they say.
	PublicURL string
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
	origins      []string
	origin       string // of pages behind a proxy; "" if the settings do not say
	headers      httpd.Headers
	gate         *auth.Gate // nil: everybody may do everything
	keyLimits    store.KeyLimits
	local        bool // only this machine is answered
	embedders    []string
	dedupeWindow []string // the value of dedupeHeader

	inFlight *fair.Limit[string] // of requests with events, by API key
	reading  *fair.Gate          // of large bodies
	large    *fair.Gate          // of requests that are likely to be staged
	// turnLimit is how long those wait for their turn.
	turnLimit time.Duration
	budget    *budget.Budget
	limits    httpd.Limits
	exports   *fair.Limit[budget.Holder]
	charts    *fair.Limit[budget.Holder] // series as JSON
	heavies   chan struct{}              // a value for each heavy query that runs

	limiter    *limiter
	committers []*committer
	draining   atomic.Bool

	sheets       snapshotter
	bodies       sync.Pool // of *[]byte: answers of GET /tenants
	feeds        *feeds
	feedPatience time.Duration // how long a client may take for a frame
	feedCut      time.Duration // and until it is cut off, without another word
}

// route is a path with its parameters as the router writes them, and what it asks of callers.
type route struct {
	method, path string
	need         auth.Need
}

// New returns a server that is not running yet.
func New(o Options) *Server {
	s := &Server{db: o.DB, valkey: o.Valkey, tenants: o.Tenants, live: o.Live, now: o.Now, log: o.Log,
		registry: o.Registry, observer: httpd.NewObserver(o.Log, o.Registry), ids: record.NewIDs(), autoCreate: o.AutoCreate, defaultQuota: o.DefaultQuota, thresholds: o.DefaultThresholds, linger: o.DrainDelay,
		gate: o.Gate, keyLimits: o.KeyLimits, local: o.OnlyLocal, embedders: o.FrameAncestors, origins: o.CORSOrigins, headers: httpd.Data().WithHSTS(o.HSTS)}
	s.dedupeWindow = dedupeSeconds(o.Dedupe)
	s.limits = httpd.Standard()
	s.limits.Connections = o.Connections
	s.limits = s.limits.Filled()
	s.feeds, s.feedPatience = newFeeds(o.Live, &s.sheets, o.Log), 5*time.Second
	s.feeds.most = min(s.feeds.most, s.limits.Connections/2)
	s.feedCut = 2 * s.feedPatience
	s.origin = originOf(o.PublicURL)
	s.budget, s.heavies = budget.New(o.Memory), make(chan struct{}, heavyQueries)
	s.exports, s.charts = turns(maxExports, allExports), turns(maxSeriesAtOnce, 0)
	s.metrics = newMetrics(o.Registry, s.feeds.size)
	s.metrics.showKeysAge(o.Registry, o.Gate.KeysAge)
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
		s.feeds.end()
	}}
	err := http.Serve(ctx, listener)
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
		MethodNotAllowed:       http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteProblem(w, problemMethod(r.Method)) }),
		PanicHandler: func(w http.ResponseWriter, r *http.Request, value any) {
			if value == http.ErrAbortHandler { // a handler breaks off an answer that it has begun
				panic(value)
			}
			httpd.Logger(w, s.log).Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", value)
			if httpd.Begun(w) { // half an answer must not look like a whole one
				panic(http.ErrAbortHandler)
			}
			WriteProblem(w, problemInternal())
		},
	}
	router.NotFound = nothing(router)
	handle := func(need auth.Need, method, path string, h httprouter.Handle) {
		h = s.guard(need, h)
		observed := s.observer.Route(method, path)
		observe := func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
			observed.Takes(w)
			h(w, r, params)
		}
		all = append(all, route{method, path, need})
		router.Handle(method, path, observe)
		if method == "GET" && path != "/live" { // net/http leaves the body out
			all = append(all, route{"HEAD", path, need})
			router.Handle("HEAD", path, observe)
		}
	}
	plain := func(need auth.Need, path string, h http.Handler) {
		handle(need, "GET", path, func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) { h.ServeHTTP(w, r) })
	}
	handle(auth.ToIngest, "POST", "/events", s.started(s.postEvents))
	handle(auth.ToRead, "GET", "/usage/:tenant", s.started(s.getUsage))
	handle(auth.ToRead, "GET", "/usage/:tenant/series", s.started(s.getSeries))
	handle(auth.ToRead, "GET", "/usage/:tenant/series.csv", s.started(s.getSeriesCSV))
	handle(auth.ToRead, "GET", "/usage/:tenant/events.csv", s.started(s.getEventsCSV))
	handle(auth.ToRead, "GET", "/tenants", s.started(s.getTenants))
	handle(auth.ToRead, "GET", "/tenants.csv", s.started(s.getTenantsCSV))
	handle(auth.ToAdminAll, "PATCH", "/tenants/:tenant", s.started(s.patchTenant))
	handle(auth.ToRead, "GET", "/alerts", s.started(s.getAlerts))
	handle(auth.ToRead, "GET", "/live", s.started(s.getLive))
	handle(auth.ToAdmin, "GET", "/keys", s.started(s.getKeys))
	handle(auth.ToAdmin, "POST", "/keys", s.started(s.postKeys))
	handle(auth.ToAdmin, "DELETE", "/keys/:id", s.started(s.deleteKey))
	handle(auth.ToRead, "GET", "/session", s.getSession)
	handle(auth.Public, "POST", "/session", s.postSession)
	handle(auth.Public, "DELETE", "/session", s.deleteSession)
	handle(auth.Public, "GET", "/healthz", s.getHealth)
	handle(auth.Public, "GET", "/readyz", s.started(s.getReady))
	handle(auth.Public, "GET", "/openapi.yaml", getOpenAPI)

	pages := web.Handler(s.embedders...)
	plain(auth.Public, "/usage", pages)
	plain(auth.Public, "/assets/:version/*path", pages)
	plain(auth.Public, "/", http.RedirectHandler("/usage", http.StatusFound))
	if s.registry != nil {
		plain(auth.ToReadAll, "/metrics", httpd.Scrape(s.registry))
	}
	handler := s.withCORS(escapedPaths(router))
	if s.local {
		handler = s.onlyLocal(handler)
	}
	return s.observer.Handler(httpd.Guard(handler, s.headers)), all
}

// nothing answers what router has no route for. A route of the API with a slash behind it is
// answered as that route. The page is not: /usage/ is more likely a URL into which no tenant was
// put, and its sender does not want a page.
func nothing(router *httprouter.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, slash := strings.CutSuffix(r.URL.Path, "/")
		if !slash || path == "" || !isRoute(router, path) {
			WriteProblem(w, problemNotFound(r.URL.Path, ""))
			return
		}
		if path == "/usage" {
			WriteProblem(w, problemNotFound(r.URL.Path, path+" (the dashboard) or "+path+"/:tenant"))
			return
		}
		u := *r.URL
		u.Path, u.RawPath = path, ""
		own := *r
		own.URL = &u
		router.ServeHTTP(w, &own)
	})
}

// isRoute reports whether there is a route of any method at a path.
func isRoute(router *httprouter.Router, path string) bool {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if handle, _, _ := router.Lookup(method, path); handle != nil {
			return true
		}
	}
	return false
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
