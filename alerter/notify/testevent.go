package notify

import (
	"math/bits"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// NewTest returns an event that reports a fictitious crossing of the tenant's highest threshold.
func NewTest(tenant meter.Tenant, now time.Time, publicURL string) Event {
	period := tenant.Period(now)
	e := Event{Type: Test, Alert: uuid.New(), Tenant: tenant.Shown(), PeriodStart: period.From,
		PeriodEnd: period.To, Threshold: 80, Dashboard: DashboardLink(publicURL, tenant.Shown())}
	if n := len(tenant.Thresholds); n > 0 {
		e.Threshold = tenant.Thresholds[n-1]
	}
	e.Facts = Facts{At: now.UTC(), Quota: tenant.Quota, Thresholds: []int{e.Threshold}}
	if e.Quota == 0 {
		e.Quota = 1_000_000
	}
	hi, lo := bits.Mul64(uint64(e.Quota), uint64(e.Threshold))
	if used, _ := bits.Div64(hi, lo, 100); used < 1<<63 {
		e.Used = int64(used)
	} else {
		e.Used = e.Quota
	}
	return e
}
