package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/internal/waittest"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// api is a running server on real stores.
type api struct {
	testing.TB
	env    *stacktest.Env
	valkey *scripts.Valkey
	dir    *tenants.Directory
	live   *usage.Live
	keys   *auth.Directory // nil unless callers need one
	key    string          // what requests are sent with
	clock  *clock
	server *Server
	url    string
	client *http.Client
	stop   func() // ends Run and waits for it
}

// clock is the time of an api: arrival until a test moves it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return arrival.Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

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
}

// newAPI runs a server with the tenants acme (1,000,000 tokens), free (no quota) and
// gone (archived).
func newAPI(tb testing.TB, env *stacktest.Env, change ...func(*setup)) *api {
	tb.Helper()
	if _, err := env.DB.ExecContext(tb.Context(), `INSERT INTO tenants (name, monthly_quota, archived_at)
		VALUES ('acme', 1000000, NULL), ('free', NULL, NULL), ('gone', 1000, now())`); err != nil {
		tb.Fatal(err)
	}
	return startAPI(tb, env, change...)
}

// startAPI runs a server as a process of the ingest role does, on stores as they are.
func startAPI(tb testing.TB, env *stacktest.Env, change ...func(*setup)) *api {
	tb.Helper()
	s := setup{valkeyURL: env.ValkeyURL, shards: 1}
	for _, change := range change {
		change(&s)
	}
	rdb, err := scripts.Connect(s.valkeyURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { rdb.Close() })
	a := &api{TB: tb, env: env, valkey: scripts.New(rdb, s.shards), clock: &clock{}, client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	tb.Cleanup(a.client.CloseIdleConnections)
	o := Options{DB: env.AppDB, Valkey: a.valkey, Dedupe: time.Hour, Now: a.clock.now, Log: slog.New(slog.DiscardHandler),
		Registry: prometheus.NewRegistry(), AutoCreate: s.autoCreate, DefaultQuota: s.defaultQuota, DefaultThresholds: []int{70},
		Rate: s.rate, MaxFeatures: s.maxFeatures, TopTenants: s.topTenants, CORSOrigins: s.origins, HSTS: s.hsts,
		PublicURL: s.publicURL, Memory: s.memory,
		KeyLimits: s.keyLimits, OnlyLocal: s.onlyLocal}
	a.dir = tenants.New(env.AppDB, a.valkey, o.Log)
	a.live = usage.New(env.AppDB, a.valkey, a.dir, o.Now)
	o.Tenants, o.Live = a.dir, a.live
	if s.auth {
		a.keys = auth.NewDirectory(env.AppDB, a.valkey, o.Log, o.Now)
		accepted := a.tokens()
		accepted.JWKS = s.jwks
		tokens, err := auth.NewTokens(accepted)
		if err != nil {
			tb.Fatal(err)
		}
		o.Gate = auth.NewGate(a.keys, tokens, s.publicURL)
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
		_, err := a.env.DB.ExecContext(a.Context(), `WITH old AS (SELECT set_config('flagmeter.keep_names', 'on', true))
			INSERT INTO tenants (name) SELECT $1 FROM old`, name)
		if err != nil {
			a.Fatal(err)
		}
	}
	if err := a.live.Refresh(a.Context()); err != nil {
		a.Fatal(err)
	}
}

// response is an answer of the server.
type response struct {
	status int
	header http.Header
	body   string
}

// requestID is in every problem, and differs.
var requestID = regexp.MustCompile(`,"requestId":"[^"]*"`)

// text is the body without what differs from request to request.
func (r response) text() string { return requestID.ReplaceAllString(r.body, "") }

// do sends a request; it may be called from any goroutine.
func (a *api) do(method, path, contentType string, body io.Reader) (response, error) {
	req, err := http.NewRequestWithContext(a.Context(), method, a.url+path, body)
	if err != nil {
		return response{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return a.send(req)
}

func (a *api) send(req *http.Request) (response, error) {
	if a.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(text)}, err
}

// post sends a body to /events.
func (a *api) post(contentType, body string) response {
	a.Helper()
	r, err := a.do("POST", "/events", contentType, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	return r
}

func (a *api) get(path string) response {
	a.Helper()
	r, err := a.do("GET", path, "", nil)
	if err != nil {
		a.Fatal(err)
	}
	return r
}

// posted is the answer to POST /events.
type posted struct {
	Accepted   int
	Duplicates int
	Usage      []struct {
		Tenant      string
		TotalTokens int64
		Stale       bool
	}
}

// counted posts events as JSON and fails the test unless it is answered 200.
func (a *api) counted(body string) posted {
	a.Helper()
	r := a.post(jsonType, body)
	if r.status != 200 {
		a.Fatalf("POST %.200s: %d %.400s", body, r.status, r.body)
	}
	return a.read(r)
}

func (a *api) read(r response) posted {
	a.Helper()
	var p posted
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		a.Fatalf("%q: %v", r.body, err)
	}
	return p
}

// total is what GET /usage/:tenant says.
func (a *api) total(tenant string) int64 {
	a.Helper()
	r := a.get("/usage/" + url.PathEscape(tenant))
	var u struct {
		Tenant      string
		TotalTokens int64
	}
	if r.status != 200 || json.Unmarshal([]byte(r.body), &u) != nil || u.Tenant != tenant {
		a.Fatalf("GET usage of %q: %d %s", tenant, r.status, r.body)
	}
	return u.TotalTokens
}

// problem is a Problem as a client reads it.
type problem struct {
	Type, Title, Detail string
	Status              int
	Errors              []FieldError
}

// refused fails the test unless r is a complete problem of that status and type.
func (a *api) refused(r response, status int, kind string) problem {
	a.Helper()
	var p problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		a.Fatalf("%d %q is not a problem: %v", r.status, r.body, err)
	}
	if r.status != status || p.Status != status || p.Type != "/problems/"+kind || p.Title == "" || p.Detail == "" {
		a.Errorf("%d %s, want %d and type /problems/%s", r.status, r.body, status, kind)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		a.Errorf("content type %q", got)
	}
	if retry := r.header.Get("Retry-After"); (retry != "") != (status == 503 || status == 429) {
		a.Errorf("status %d with Retry-After %q", status, retry)
	}
	return p
}

// indexes are the events that a problem names.
func (p problem) indexes() []int {
	var out []int
	for _, e := range p.Errors {
		if e.Index != nil {
			out = append(out, *e.Index)
		}
	}
	return out
}

// state is all that the stores hold: of Valkey the content, of Postgres the number of rows.
type state struct {
	valkey map[string]string
	rows   map[string]int64
}

func (a *api) state() state {
	a.Helper()
	s := state{stacktest.Dump(a.TB, a.env.Valkey), map[string]int64{}}
	var tables []string
	if err := a.env.DB.SelectContext(a.Context(), &tables, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"); err != nil {
		a.Fatal(err)
	}
	for _, table := range tables {
		var n int64
		if err := a.env.DB.GetContext(a.Context(), &n, "SELECT count(*) FROM "+table); err != nil {
			a.Fatal(err)
		}
		s.rows[table] = n
	}
	return s
}

// unchanged fails the test unless the stores hold what they held before.
func (a *api) unchanged(before state) {
	a.Helper()
	now := a.state()
	stacktest.SameDump(a.TB, now.valkey, before.valkey)
	if !reflect.DeepEqual(now.rows, before.rows) {
		a.Errorf("rows in Postgres: %v, before %v", now.rows, before.rows)
	}
}

// in is the same server seen by a subtest.
func (a *api) in(tb testing.TB) *api {
	sub := *a
	sub.TB = tb
	return &sub
}

// calls is how often the committers have called Valkey.
func (a *api) calls() uint64 {
	a.Helper()
	var m dto.Metric
	if err := a.server.metrics.callSeconds.Write(&m); err != nil {
		a.Fatal(err)
	}
	return m.Histogram.GetSampleCount()
}

func value(tb testing.TB, c prometheus.Counter) float64 {
	tb.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		tb.Fatal(err)
	}
	return m.Counter.GetValue()
}

// eventually waits until ok is true, for something that the outside world does on its own.
var eventually = waittest.Until

// acme is one event of tenant acme as JSON; members, if any, come with a comma in front.
func acme(tokens int64, members string) string {
	return fmt.Sprintf(`{"tenant":"acme","feature":"chat","tokens":%d%s}`, tokens, members)
}
