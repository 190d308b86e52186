package ingest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func featured(most int) func(*setup) { return func(s *setup) { s.maxFeatures = most } }

func using(tenant, feature string) string {
	return fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":1}`, tenant, feature)
}

func TestAFeatureTooManyIsRefused(t *testing.T) {
	a := newAPI(t, stacktest.New(t), featured(2))
	a.counted("[" + using("acme", "a") + "," + using("acme", "b") + "]")
	before := a.state()
	p := a.refused(a.post(jsonType, "["+using("acme", "a")+","+using("acme", "c")+","+using("acme",
		"c")+"]"), 422, "feature-limit")
	if got := p.indexes(); fmt.Sprint(got) != "[1 2]" || p.Errors[0].Field != "feature" ||
		!strings.Contains(p.Detail, "has 2 features in use and may have 2") {
		t.Errorf("%+v, want the second and the third event named", p)
	}
	a.unchanged(before)
	a.counted(using("free", "c"))
	a.counted(using("acme", "b"))
	if got := a.metrics()["features_refused_total"]; got != 1 {
		t.Errorf("the metric says %v, want 1", got)
	}
	if got := a.metrics()["features_largest"]; got != 2 {
		t.Errorf("the largest number of features is %v, want 2", got)
	}
}

func TestTwoServersNeverHaveMoreFeaturesTogether(t *testing.T) {
	env := stacktest.New(t)
	servers := []*api{newAPI(t, env, featured(50)), startAPI(t, env, featured(50))}
	var accepted, refused atomic.Int64
	together(100, func(i int) {
		for n := range 2 { // each feature at both servers, at about the same time
			r, err := servers[(i+n)%2].do("POST", "/events", jsonType,
				strings.NewReader(using("acme", fmt.Sprint("f", i))))
			switch {
			case err == nil && r.status == 200:
				accepted.Add(1)
			case err == nil && r.status == 422:
				refused.Add(1)
			default:
				t.Errorf("%d %s, %v", r.status, r.body, err)
			}
		}
	})
	if accepted.Load() != 100 || refused.Load() != 100 {
		t.Errorf("%d requests are accepted and %d refused, want 100 and 100", accepted.Load(),
			refused.Load())
	}
	if got := strings.Count(servers[0].get("/usage/acme").body, `"feature":`); got != 50 {
		t.Errorf("acme has %d features, want 50", got)
	}
}

// A known feature costs no look at Valkey; the next day it is told once more.
func TestAKnownFeatureIsNotAskedForAgain(t *testing.T) {
	a := newAPI(t, stacktest.New(t), featured(1))
	a.counted(using("acme", "a"))
	if err := a.env.Valkey.Del(t.Context(), "fm:{0}:features:acme").Err(); err != nil {
		t.Fatal(err)
	}
	a.counted(using("acme", "a"))
	if n, err := a.env.Valkey.Exists(t.Context(), "fm:{0}:features:acme").Result(); n > 0 ||
		err != nil {
		t.Errorf("it is told again on the same day, %v", err)
	}
	a.clock.Advance(24 * time.Hour)
	a.counted(using("acme", "a"))
	if got, err := a.env.Valkey.HKeys(t.Context(),
		"fm:{0}:features:acme").Result(); fmt.Sprint(got) != "[a]" || err != nil {
		t.Errorf("on the next day Valkey knows %v, %v", got, err)
	}
	a.refused(a.post(jsonType, using("acme", "b")), 422, "feature-limit")
}
