package rollout

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// deployments is how often a new version comes.
const deployments = 10

var versions = [2]string{"v1.0.0", "v1.1.0"}

// rig is what the processes of a test need.
type rig struct {
	t        testing.TB
	env      *stacktest.Env
	programs [2]string
	settings []string
	drain    time.Duration
}

// build builds both versions once.
var build = sync.OnceValues(func() (programs [2]string, err error) {
	for i, version := range versions {
		if programs[i], err = stacktest.Build(dir+"/"+version, "-ldflags",
			"-X main.version="+version); err != nil {
			return programs, err
		}
	}
	return programs, nil
})

// newRig makes stores, for processes with a DRAIN_TIME that must be long enough for the clients
// also on a machine that is busy with other tests.
func newRig(t testing.TB, drain time.Duration) *rig {
	t.Helper()
	r := &rig{t: t, env: stacktest.New(t), drain: drain}
	var err error
	if r.programs, err = build(); err != nil {
		t.Fatal(err)
	}
	// One alert is due, at 800 tokens.
	if _, err := r.env.DB.ExecContext(t.Context(),
		`INSERT INTO tenants (name, monthly_quota, thresholds)
			VALUES ('acme', 1000, '{80}')`); err != nil {
		t.Fatal(err)
	}
	r.settings = []string{"DATABASE_URL=" + r.env.DatabaseURL, "VALKEY_URL=" + r.env.ValkeyURL,
		"LISTEN_ADDR=127.0.0.1:0",
		"METRICS_ADDR=127.0.0.1:0", "DRAIN_TIME=" + drain.String()}
	return r
}

// await waits until ok is true.
func (r *rig) await(what string, ok func() bool) {
	r.t.Helper()
	waittest.Until(r.t, what, ok)
}

// ready waits until the API at addr accepts events.
func (r *rig) ready(addr string) {
	r.t.Helper()
	r.await("readiness", func() bool {
		status, _, err := get("http://" + addr + "/readyz")
		return err == nil && status == 200
	})
}

// verify compares what was acknowledged with what the API tells and what Postgres has, and
// that the only crossing has one alert.
func (r *rig) verify(l *load, api string) {
	r.t.Helper()
	acknowledged := l.acknowledged.Load()
	_, answer, err := get(api + "/usage/acme")
	var usage struct{ TotalTokens int64 }
	if err != nil || json.Unmarshal([]byte(answer), &usage) != nil ||
		usage.TotalTokens != acknowledged {
		r.t.Errorf("GET /usage/acme: %v %s, want %d tokens", err, answer, acknowledged)
	}
	var stored string
	want := fmt.Sprint(acknowledged, " events, 0 dead, 1 alerts")
	r.await(want, func() bool {
		if err := r.env.DB.GetContext(r.t.Context(), &stored,
			`SELECT (SELECT count(*) FROM events) || ' events, ' ||
			(SELECT count(*) FROM dead_events) || ' dead, ' || (SELECT count(*)
			FROM alerts) || ' alerts'`); err != nil {
			r.t.Fatal(err)
		}
		return stored == want || r.t.Failed()
	})
	r.t.Logf("acknowledged %d, GET /usage %d, Postgres %s", acknowledged, usage.TotalTokens, stored)
}
