package ingest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// many is how many tenants a request has whose limits take more than one call.
const many = 1500

// manyTenants adds them, with columns as assignments set them.
func (a *api) manyTenants(assignments string) {
	a.Helper()
	a.env.DB.MustExecContext(a.Context(),
		`INSERT INTO tenants (name) SELECT 'tenant-' || n FROM generate_series(1, $1::int) AS n`, many)
	a.allSet(assignments)
}

// allSet sets columns of all of them, in force at once.
func (a *api) allSet(assignments string) {
	a.Helper()
	a.env.DB.MustExecContext(a.Context(),
		"UPDATE tenants SET "+assignments+" WHERE name LIKE 'tenant-%'")
	if err := a.live.Refresh(a.Context()); err != nil {
		a.Fatal(err)
	}
}

// ofMany are events of all of them, of a token each, with ids that begin with a text.
func ofMany(id, feature string) string {
	var b strings.Builder
	for n := range many {
		fmt.Fprintf(&b, `{"tenant":"tenant-%d","feature":%q,"tokens":1,"id":"%s-%d"}`+"\n",
			n+1, feature, id, n)
	}
	return b.String()
}

// judgements counts the calls that judge requests in parts, from now on.
func (a *api) judgements() func() uint64 {
	registry := prometheus.NewRegistry()
	a.valkey.Observe(registry)
	return func() (n uint64) {
		a.Helper()
		families, err := registry.Gather()
		if err != nil {
			a.Fatal(err)
		}
		for _, family := range families {
			for _, m := range family.Metric {
				for _, label := range m.Label {
					if label.GetValue() == "judge" {
						n += m.GetHistogram().GetSampleCount()
					}
				}
			}
		}
		return n
	}
}

// A request whose limits are judged in parts is counted whole, or leaves nothing.
func TestManyLimitsAreJudgedAsOne(t *testing.T) {
	const last = "tenant-1500"
	for _, c := range []struct {
		name, limits string
		before       []string // features of events that the last tenant has sent
		status       int
		problem      string
		mend         string // columns of the last tenant
		feature      string // with which it passes then
	}{
		{"strict quotas", "monthly_quota = 1, enforce = 'strict'", []string{"chat"},
			402, "quota-exceeded", "monthly_quota = 2", "chat"},
		{"soft quotas", "monthly_quota = 1, enforce = 'soft'", []string{"chat"},
			402, "quota-exceeded", "monthly_quota = 2", "chat"},
		{"rates", "rate_limit = 1, rate_burst = 3", []string{"chat", "chat", "chat"},
			429, "rate-limited", "rate_burst = 9", "chat"},
		{"features", "archived_at = NULL", []string{"one", "two"},
			422, "feature-limit", "archived_at = NULL", "two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := stacktest.New(t)
			other := newAPI(t, env, featured(2))
			other.manyTenants(c.limits)
			a := startAPI(t, env, featured(2)) // it has not been told how full buckets are
			judged := a.judgements()
			for i, feature := range c.before {
				const event = `{"tenant":%q,"feature":%q,"tokens":1,"id":"%d"}`
				other.counted(fmt.Sprintf(event, last, feature, i))
			}
			before := a.keysOfValkey()
			state := a.state().rows
			p := a.refused(a.post(ndjsonType, ofMany("x", "chat")), c.status, c.problem)
			if !strings.Contains(p.Detail, last) {
				t.Errorf("%q does not name %s", p.Detail, last)
			}
			if judged() < 2 {
				t.Errorf("it was judged in %d calls", judged())
			}
			for key := range a.keysOfValkey() {
				// Ids of a request that was given up count for nothing.
				if !before[key] && !strings.Contains(key, ":seen:") {
					t.Errorf("%s is left", key)
				}
			}
			if got := a.state().rows; fmt.Sprint(got) != fmt.Sprint(state) {
				t.Errorf("rows: %v, before %v", got, state)
			}

			a.set(last, c.mend)
			sent := ofMany("x", c.feature)
			r := a.post(ndjsonType, sent)
			if got := a.read(r); got.Accepted != many {
				t.Fatalf("%d %.300s, want it counted", r.status, r.body)
			}
			if c.name == "rates" && r.header.Get("RateLimit") == "" {
				t.Error("the answer does not tell what is left of the rate")
			}
			if got := a.read(a.post(ndjsonType, sent)); got.Duplicates != many {
				t.Errorf("sent again: %+v, want duplicates", got)
			}
			if got := a.total("tenant-1"); got != 1 {
				t.Errorf("the first tenant has %d tokens, want 1", got)
			}
			a.flushed("tenant-1499", 1)
		})
	}
}

// However many large requests reach however many processes: strict quotas of three tokens let three
// through, each whole.
func TestLargeRequestsShareStrictQuotas(t *testing.T) {
	env := stacktest.New(t)
	servers := []*api{newAPI(t, env)}
	servers[0].manyTenants("monthly_quota = 3, enforce = 'strict'")
	servers = append(servers, startAPI(t, env))
	var accepted, again atomic.Int64
	together(8, func(i int) {
		body := ofMany(fmt.Sprint("r", i), "chat")
		for {
			r, err := servers[i%2].do("POST", "/events", ndjsonType, strings.NewReader(body))
			switch {
			case err != nil:
				t.Error(err)
				return
			case r.status == 200:
				accepted.Add(1)
				return
			case r.status == 402:
				return
			case r.status != 503: // another one may take what is left
				t.Errorf("%d %.300s", r.status, r.body)
				return
			}
			again.Add(1)
		}
	})
	t.Logf("%d requests were accepted; %d times one was told to come again",
		accepted.Load(), again.Load())
	if accepted.Load() != 3 {
		t.Errorf("%d requests were accepted, want 3", accepted.Load())
	}
	for _, n := range []int{1, many / 2, many} {
		tenant := fmt.Sprint("tenant-", n)
		if got := servers[1].total(tenant); got != 3 {
			t.Errorf("%s has %d tokens, want 3", tenant, got)
		}
	}
	servers[0].flushed("tenant-7", 3)
}

// A small request that fits only if a large one is given up is told to come again.
func TestASmallRequestWaitsForALargeOne(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.set("acme", "monthly_quota = 10, enforce = 'strict'")
	a.counted(acme(4, ""))
	if err := a.env.Valkey.Set(t.Context(), "fm:{0}:request:t", "open", 0).Err(); err != nil {
		t.Fatal(err)
	}
	a.env.Valkey.HSet(t.Context(), "fm:{0}:request:t:judged", "n", 1, "q\tacme", 5)
	a.env.Valkey.ZAdd(t.Context(), "fm:{0}:holding", redis.Z{Member: "t"})
	before := a.state()
	p := a.refused(a.post(jsonType, acme(2, "")), 503, "unavailable")
	if !strings.Contains(p.Detail, `may use up the quota of tenant "acme"`) {
		t.Errorf("%+v", p)
	}
	a.unchanged(before)
	a.refused(a.post(jsonType, acme(7, "")), 402, "quota-exceeded")
	a.counted(acme(1, ""))
	a.env.Valkey.Set(t.Context(), "fm:{0}:request:t", "counted", 0)
	a.counted(acme(5, ""))
}
