package ingest

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// maxTopTenants is the most tenants that metrics may name, whatever the settings say: who
// wants more of them asks Postgres.
const maxTopTenants = 50

// topTenants publishes the tenants with the largest usage. It is the only metric with the
// name of a tenant. Whoever leaves the top leaves the metrics; over weeks the names of all who
// were there add up in Prometheus, never in a scrape.
type topTenants struct {
	live *usage.Live
	n    int
	top  atomic.Pointer[[]meter.Usage]
}

const (
	// topEvery is how often they are looked for: 50 ms for 10,000 tenants.
	topEvery = "@every 5s"
	topLimit = 5 * time.Second
)

// newTopTenants registers the metrics of n tenants; it is nil if those are none.
func newTopTenants(live *usage.Live, n int, reg prometheus.Registerer) *topTenants {
	if n <= 0 || reg == nil {
		return nil
	}
	t := &topTenants{live: live, n: min(n, maxTopTenants)}
	reg.MustRegister(t)
	return t
}

// addTo makes looking a job.
func (t *topTenants) addTo(jobs *schedule.Jobs) { jobs.Add("top_tenants", topEvery, t.refresh) }

// refresh finds the tenants with the largest usage.
func (t *topTenants) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, topLimit)
	defer cancel()
	all, err := t.live.All(ctx)
	if err != nil {
		t.top.Store(nil)
		return err
	}
	all = slices.DeleteFunc(all, func(u meter.Usage) bool { return u.Used[meter.Tokens] == 0 })
	slices.SortFunc(all, func(a, b meter.Usage) int {
		return cmp.Or(-cmp.Compare(a.Used[meter.Tokens], b.Used[meter.Tokens]),
			cmp.Compare(a.Tenant.Name, b.Tenant.Name))
	})
	top := slices.Clone(all[:min(t.n, len(all))])
	t.top.Store(&top)
	return nil
}

var (
	topUsage = prometheus.NewDesc("flagmeter_tenant_usage_tokens",
		"Tokens used in the billing period by the tenants with the largest usage (METRICS_TOP_TENANTS).",
		[]string{"tenant"}, nil)
	topRatio = prometheus.NewDesc("flagmeter_tenant_quota_ratio",
		"Tokens used as a share of the quota, of the tenants in flagmeter_tenant_usage_tokens that have one.",
		[]string{"tenant"}, nil)
)

// Describe lists the metrics.
func (t *topTenants) Describe(out chan<- *prometheus.Desc) {
	out <- topUsage
	out <- topRatio
}

// Collect tells what the last look has found.
func (t *topTenants) Collect(out chan<- prometheus.Metric) {
	top := t.top.Load()
	if top == nil {
		return
	}
	for _, u := range *top {
		used, name := float64(u.Used[meter.Tokens]), u.Tenant.Shown()
		out <- prometheus.MustNewConstMetric(topUsage, prometheus.GaugeValue, used, name)
		if u.Tenant.Quota > 0 {
			share := used / float64(u.Tenant.Quota)
			out <- prometheus.MustNewConstMetric(topRatio, prometheus.GaugeValue, share, name)
		}
	}
}
