package flusher

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/pipeline"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rig is the whole pipeline in one process on real stores, with a clock in the test's hand: an
// ingest server, flushers and readers as many as asked for.
type rig struct{ *pipeline.Pipeline }

func newRig(t testing.TB, env *stacktest.Env) *rig {
	t.Helper()
	start := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	return &rig{pipeline.New(t, env, clock.At(start),
		commit.Settings{Dedupe: time.Hour, MaxFeatures: 1000})}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// amid is a reader into whose Refresh a test can step, between its reading of Valkey
// and its reading of Postgres.
type amid struct {
	*usage.Live
	do func() // called once, then forgotten
}

func (r *rig) amid() *amid {
	client := redis.NewClient(r.Valkey.Options())
	r.Cleanup(func() { client.Close() })
	a := &amid{}
	client.AddHook(hook(func() {
		if do := a.do; do != nil {
			a.do = nil
			do()
		}
	}))
	a.Live = usage.New(r.AppDB, scripts.New(client, 1), r.Tenants, r.Now)
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
	return New(Options{DB: r.FlusherDB, Valkey: r.Scripts, Dedupe: time.Hour, Now: r.Now, Log: log,
		Registerer: reg})
}

// addTenant inserts a tenant the way an operator does.
func (r *rig) addTenant(name, zone string, billingDay int) {
	r.Helper()
	r.Exec("INSERT INTO tenants (name, timezone, billing_day) VALUES ($1, $2, $3)",
		name, zone, billingDay)
}

// post sends a body to POST /events and returns the status and the answer.
func (r *rig) post(body string) (int, string) {
	r.Helper()
	return r.postAs("application/json", body)
}

func (r *rig) postAs(contentType, body string) (int, string) {
	r.Helper()
	a := r.API.Post(r, body, "Content-Type", contentType)
	return a.Status, a.Body
}

// mustPost posts one event now and expects it to be counted.
func (r *rig) mustPost(tenant, feature string, tokens int64) {
	r.Helper()
	r.API.Post(r, fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d}`, tenant, feature, tokens)).OK(r)
}
