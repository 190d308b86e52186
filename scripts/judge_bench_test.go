package scripts

import (
	"fmt"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// BenchmarkJudge judges a large request by so many limits of one kind, each of another tenant, and
// takes them: ingest/commit/cost.go has its figures from here. usage is looked up in so many hashes.
func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct {
		kind      string
		n, hashes int
	}{{"rates", 1000, 0}, {"quotas", 1000, 1}, {"quotas", 1000, 3}, {"quotas", 1000, 30},
		{"features", 1000, 0}, {"features of one tenant", 1000, 0}} {
		b.Run(fmt.Sprintf("%s=%d/hashes=%d", c.kind, c.n, c.hashes), func(b *testing.B) {
			r := newRig(b)
			l := Limits{MostFeatures: 1_000_000, Requests: []Request{{}}}
			request := &l.Requests[0]
			for i, name := range names(c.n) {
				switch c.kind {
				case "rates":
					fast := meter.Rate{PerSecond: 1_000_000, Burst: 1_000_000_000}
					l.Rates = append(l.Rates, RateLimit{TenantBucket(name), fast})
					request.Costs = append(request.Costs, Cost{i, 1})
				case "quotas":
					days := meter.TenantDays{Tenant: name, From: today, To: today + 1}
					l.Quotas = append(l.Quotas, QuotaLimit{days, 0, 1 << 60})
					request.Needs = append(request.Needs, Need{i, 1, 1})
				case "features":
					l.Features = append(l.Features, Feature{name, "chat"})
					request.Features = append(request.Features, i)
				default:
					l.Features = append(l.Features, Feature{"acme", name})
					request.Features = append(request.Features, i)
				}
			}
			for h := range c.hashes - 1 { // and that of late events
				var counters []Counter
				for _, name := range names(c.n) {
					n := counter(name, "chat", 1)
					n.Minute -= int64(h)
					counters = append(counters, n)
				}
				r.add(counters...)
			}
			var late []Counter
			for _, name := range names(c.n) {
				late = append(late, lateOf(name, "chat", 10, 1))
			}
			r.add(late...)
			s := NewStaged()
			r.stagePart(s, part("a", chat(1)))
			measure(b, r, nil, func(int) {
				j, err := r.Judge(b.Context(), 0, s, &l, Query{MissingFrom: 1000}, true)
				if err != nil || j.Unstaged || len(j.Refused) > 0 {
					b.Fatalf("%+v, %v", j, err)
				}
			})
		})
	}
}
