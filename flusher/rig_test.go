package flusher

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/ingest"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// rig is the whole pipeline in one process on real stores, with a clock in the
// test's hand: an ingest server, flushers and readers as many as asked for.
type rig struct {
	*stacktest.Env
	t      testing.TB
	url    string
	valkey *scripts.Valkey
	dir    *tenants.Directory

	mu   sync.Mutex
	time time.Time
}

func newRig(t testing.TB, env *stacktest.Env) *rig {
	t.Helper()
	r := &rig{Env: env, t: t, valkey: scripts.New(env.AppValkey, 1),
		time: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}
	r.dir = tenants.New(env.AppDB, r.valkey, quiet())
	r.url = r.another()
	return r
}

// another runs an ingest server and returns its URL.
func (r *rig) another() string {
	r.t.Helper()
	server := ingest.New(ingest.Options{
		Backend: backend.Backend{DB: r.AppDB, Valkey: r.valkey, Tenants: r.dir, Live: r.reader(),
			Now: r.now, Log: quiet()},
		Limits:   commit.Settings{Dedupe: time.Hour, MaxFeatures: 1000},
		Registry: prometheus.NewRegistry(),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, listener) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Errorf("ingest server: %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.time
}

func (r *rig) setTime(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.time = t
}

func (r *rig) advance(d time.Duration) { r.setTime(r.now().Add(d)) }

func (r *rig) reader() *usage.Live { return usage.New(r.AppDB, r.valkey, r.dir, r.now) }

// amid is a reader into whose Refresh a test can step, between its reading of Valkey
// and its reading of Postgres.
type amid struct {
	*usage.Live
	do func() // called once, then forgotten
}

func (r *rig) amid() *amid {
	client := redis.NewClient(r.Valkey.Options())
	r.t.Cleanup(func() { client.Close() })
	a := &amid{}
	client.AddHook(hook(func() {
		if do := a.do; do != nil {
			a.do = nil
			do()
		}
	}))
	a.Live = usage.New(r.AppDB, scripts.New(client, 1), r.dir, r.now)
	return a
}

// hook is called after each reading of the settled batches.
type hook func()

func (h hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			if cmd.Name() == "zrange" && strings.HasSuffix(fmt.Sprint(cmd.Args()[1]), ":settled") {
				h()
			}
		}
		return err
	}
}

func (r *rig) flusher() *Flusher { return r.flusherWith(quiet(), prometheus.NewRegistry()) }

func (r *rig) flusherWith(log *slog.Logger, reg prometheus.Registerer) *Flusher {
	return New(Options{DB: r.FlusherDB, Valkey: r.valkey, Dedupe: time.Hour, Now: r.now, Log: log,
		Registerer: reg})
}

// addTenant inserts a tenant the way an operator does.
func (r *rig) addTenant(name, zone string, billingDay int) {
	r.t.Helper()
	if _, err := r.DB.Exec("INSERT INTO tenants (name, timezone, billing_day) VALUES ($1, $2, $3)",
		name, zone, billingDay); err != nil {
		r.t.Fatal(err)
	}
}

// post sends a body to POST /events and returns the status and the answer.
func (r *rig) post(body string) (int, string) {
	r.t.Helper()
	return r.postAs("application/json", body)
}

func (r *rig) postAs(contentType, body string) (int, string) {
	r.t.Helper()
	res, err := http.Post(r.url+"/events", contentType, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// mustPost posts one event now and expects it to be counted.
func (r *rig) mustPost(tenant, feature string, tokens int64) {
	r.t.Helper()
	status, answer := r.post(fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d}`,
		tenant, feature, tokens))
	if status != http.StatusOK {
		r.t.Fatalf("POST /events: %d %s", status, answer)
	}
}

// count runs a query that returns one number.
func (r *rig) count(query string, args ...any) int64 {
	r.t.Helper()
	var n int64
	if err := r.DB.Get(&n, query, args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	return n
}
