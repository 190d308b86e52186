package ingest

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/intake"
	"github.com/eduardosanzb/flagmeter/ingest/live"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/backendtest"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// arrival is when the requests of these tests arrive.
var arrival = time.Date(2026, 8, 1, 12, 0, 0, 123_456_789, time.UTC)

const (
	jsonType   = "application/json"
	ndjsonType = "application/x-ndjson"
)

// api is a running server on real stores.
type api struct {
	testing.TB
	env     *stacktest.Env
	backend backend.Backend
	valkey  *scripts.Valkey
	dir     *tenants.Directory
	live    *usage.Live
	keys    *auth.Directory // nil unless callers need one
	key     string          // what requests are sent with
	clock   *clock.Clock
	server  *Server
	url     string
	client  *http.Client
	stop    func() // ends Run and waits for it
}

// setup is what a test may want to be different.
type setup struct {
	valkeyURL    string
	shards       int
	autoCreate   bool
	defaultQuota int64
	rate         meter.Rate
	maxFeatures  int
	origins      []string
	hsts         time.Duration
	auth         bool // callers need a key
	jwks         string
	topTenants   int
	publicURL    string
	memory       int64 // of requests
	keyLimits    store.KeyLimits
	onlyLocal    bool
	live         live.Settings
	machine      func() time.Time // by which rates drain
}

// newAPI runs a server with the tenants acme (1,000,000 tokens), free (no quota) and
// gone (archived).
func newAPI(tb testing.TB, env *stacktest.Env, change ...func(*setup)) *api {
	tb.Helper()
	env.Exec(tb, `INSERT INTO tenants (name, monthly_quota, archived_at)
		VALUES ('acme', 1000000, NULL), ('free', NULL, NULL), ('gone', 1000, now())`)
	return startAPI(tb, env, change...)
}

// startAPI runs a server as a process of the ingest role does, on stores as they are.
func startAPI(tb testing.TB, env *stacktest.Env, change ...func(*setup)) *api {
	tb.Helper()
	s := setup{valkeyURL: env.ValkeyURL, shards: 1}
	for _, change := range change {
		change(&s)
	}
	a := &api{TB: tb, env: env, clock: clock.At(arrival), client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 256},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
	tb.Cleanup(a.client.CloseIdleConnections)
	b := backendtest.Of(env.AppDB, backendtest.Connect(tb, s.valkeyURL, s.shards), a.clock.Now)
	a.backend, a.valkey, a.dir, a.live = b, b.Valkey, b.Tenants, b.Live
	o := Options{Backend: b, Registry: prometheus.NewRegistry(),
		TopTenants: s.topTenants, HSTS: s.hsts, Memory: s.memory,
		Intake: intake.Settings{AutoCreate: s.autoCreate, DefaultQuota: s.defaultQuota,
			DefaultThresholds: []int{70}},
		Limits: commit.Settings{Dedupe: time.Hour, GroupLinger: 2 * time.Millisecond, Rate: s.rate,
			MaxFeatures: s.maxFeatures, Clock: s.machine},
		Callers: account.Settings{CORSOrigins: s.origins, PublicURL: s.publicURL,
			KeyLimits: s.keyLimits, OnlyLocal: s.onlyLocal},
		LiveClients: s.live}
	if s.auth {
		a.keys = auth.NewDirectory(env.AppDB, a.valkey, o.Log, o.Now)
		accepted := a.tokens()
		accepted.JWKS = s.jwks
		tokens, err := auth.NewTokens(accepted)
		if err != nil {
			tb.Fatal(err)
		}
		o.Callers.Gate = auth.NewGate(a.keys, tokens, s.publicURL)
		if err := a.keys.Start(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
	if err := a.dir.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	_ = a.live.Refresh(tb.Context()) // fails while Postgres is away

	a.server = New(o)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	a.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.server.Run(ctx, listener) }()
	var stopped atomic.Bool
	a.stop = func() {
		cancel()
		if stopped.CompareAndSwap(false, true) {
			if err := <-ended; err != nil {
				tb.Errorf("run: %v", err)
			}
		}
	}
	tb.Cleanup(a.stop)
	return a
}

// addTenants adds tenants without a quota, in force at once, also such as are from before some
// names were refused.
func (a *api) addTenants(names ...string) {
	a.Helper()
	for _, name := range names {
		a.env.Exec(a, `WITH old AS (SELECT set_config('flagmeter.keep_names', 'on', true))
			INSERT INTO tenants (name) SELECT $1 FROM old`, name)
	}
	if err := a.live.Refresh(a.Context()); err != nil {
		a.Fatal(err)
	}
}

// in is the same server seen by a subtest.
func (a *api) in(tb testing.TB) *api {
	sub := *a
	sub.TB = tb
	return &sub
}
