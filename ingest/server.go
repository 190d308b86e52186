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
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/web"
)

// Options are what the API works with. All before AutoCreate are required.
type Options struct {
	DB       *sqlx.DB
	Valkey   *scripts.Valkey
	Tenants  *tenants.Directory
	Live     *usage.Live
	Dedupe   time.Duration // how long an event id is remembered
	Now      func() time.Time
	Log      *slog.Logger
	Registry *prometheus.Registry
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
	ids          *eventIDs
	autoCreate   bool
	defaultQuota int64
	thresholds   []int
	linger       time.Duration

	committers []*committer
	draining   atomic.Bool
}

// New returns a server that is not running yet.
func New(o Options) *Server {
	s := &Server{db: o.DB, valkey: o.Valkey, tenants: o.Tenants, live: o.Live, now: o.Now, log: o.Log,
		registry: o.Registry, metrics: newMetrics(o.Registry), ids: newEventIDs(), autoCreate: o.AutoCreate, defaultQuota: o.DefaultQuota, thresholds: o.DefaultThresholds, linger: o.Linger}
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
	err := httpd.Serve(ctx, listener, s.Handler(), s.linger, func() { s.draining.Store(true) })
	stop()
	running.Wait()
	return err
}

// Handler is the API without a server around it. POST /events works only while Run does.
func (s *Server) Handler() http.Handler {
	router := &httprouter.Router{
		HandleMethodNotAllowed: true,
		NotFound:               http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteProblem(w, problemNotFound(r.URL.Path)) }),
		MethodNotAllowed:       http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { WriteProblem(w, problemMethod(r.Method)) }),
		PanicHandler: func(w http.ResponseWriter, r *http.Request, value any) {
			s.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", value)
			WriteProblem(w, problemInternal())
		},
	}
	handle := func(method, path string, h httprouter.Handle) {
		router.Handle(method, path, s.metrics.observe(method, path, h))
	}
	handle("POST", "/events", s.started(s.postEvents))
	handle("GET", "/usage/:tenant", s.started(s.getUsage))
	handle("GET", "/tenants", s.started(s.getTenants))
	handle("GET", "/alerts", s.started(s.getAlerts))
	handle("GET", "/healthz", s.getHealth)
	handle("GET", "/readyz", s.started(s.getReady))

	pages := web.Handler()
	for _, method := range []string{"GET", "HEAD"} {
		router.Handler(method, "/usage", pages)
		router.Handler(method, "/assets/*path", pages)
	}
	router.Handler("GET", "/", http.RedirectHandler("/usage", http.StatusFound))
	router.Handler("GET", "/metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	return escapedPaths(router)
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
		s.log.Error(detail, "path", r.URL.Path, "error", err)
	}
	WriteProblem(w, problemUnavailable(detail))
}
