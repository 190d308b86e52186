package usage

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Grace is how long Valkey keeps a sum batch after its commit is known, and so the
// age from which a view may miss one.
const Grace = 30 * time.Second

// view is what a process knows from Postgres. It is immutable.
type view struct {
	// taken is an instant before the snapshot was made.
	taken time.Time
	// last is the largest ledger number seen.
	last int64
	// settled are the ids of batches in the snapshot that Valkey may still hold.
	settled []string
	tenants map[string]*periodUsage
	// recent are the last minutes of those tenants that have used anything lately.
	recent map[string]*minutes
	// renewed are those of them that were not taken over from the view before.
	renewed []string
	// positions is what each shard had reached, by the ledger or by Valkey.
	positions []ledger.Position
	// missingFrom is, for each shard, the order of the first sum batch that the snapshot may not
	// contain.
	missingFrom []int64
}

// periodUsage is one tenant's settled usage in the period that is current in the view.
type periodUsage struct {
	period     meter.Period
	billingDay int
	zone       string
	used       meter.Amounts
	features   []meter.FeatureUsage
}

// covers reports whether s is about the period in which t is at now.
func (s *periodUsage) covers(t meter.Tenant, now time.Time) bool {
	return s != nil && s.billingDay == t.BillingDay && s.zone == t.Zone.String() &&
		!now.Before(s.period.Start) && now.Before(s.period.End)
}

func (v *view) knows(id string) bool {
	for _, known := range v.settled { // about 30 at most: the batches of one grace
		if known == id {
			return true
		}
	}
	return false
}

// Lookup is one answer in the making: the tenants asked for, all of one shard, what the view knows of
// them, and the query for the rest. It belongs to one goroutine.
type Lookup struct {
	view    *view
	now     time.Time
	tenants []meter.Tenant
	settled []*periodUsage // nil where the view does not cover the current period
	periods []meter.Period
}

// newReading looks up what v knows of the tenants at now; v may be nil.
func newReading(v *view, tenants []meter.Tenant, now time.Time) Lookup {
	r := Lookup{view: v, now: now, tenants: tenants,
		settled: make([]*periodUsage, len(tenants)), periods: make([]meter.Period, len(tenants))}
	for i, t := range tenants {
		if v != nil && v.tenants[t.Name].covers(t, now) {
			r.settled[i] = v.tenants[t.Name]
			r.periods[i] = r.settled[i].period
		} else {
			r.periods[i] = t.Period(now)
		}
	}
	return r
}

// ViewID tells whether two readings are from the same view.
type ViewID struct{ view *view }

// ViewID is that of the view r is from.
func (r Lookup) ViewID() ViewID { return ViewID{r.view} }

// Settled is what the view knows of the i-th tenant in its current period; ok is false if it
// does not cover that.
func (r Lookup) Settled(i int) (days meter.TenantDays, tokens int64, ok bool) {
	days = meter.TenantDays{Tenant: r.tenants[i].Name, From: r.periods[i].From, To: r.periods[i].To}
	if r.settled[i] == nil {
		return days, 0, false
	}
	return days, r.settled[i].used[meter.Tokens], true
}

// Period is the current period of the i-th tenant.
func (r Lookup) Period(i int) meter.Period { return r.periods[i] }

// complete reports whether the view covers every tenant asked for.
func (r Lookup) complete() bool {
	for _, s := range r.settled {
		if s == nil {
			return false
		}
	}
	return true
}

// position is the position of the tenants' shard that the view contains, 0 without a view.
func (r Lookup) position() ledger.Position {
	if r.view == nil || len(r.tenants) == 0 {
		return 0
	}
	return r.view.positions[scripts.ShardOf(r.tenants[0].Name, len(r.view.positions))]
}

// settledBatches are the ids of batches in the view that Valkey may still hold.
func (r Lookup) settledBatches() map[string]struct{} {
	ids := map[string]struct{}{}
	if r.view != nil {
		for _, id := range r.view.settled {
			ids[id] = struct{}{}
		}
	}
	return ids
}

// Query is what to ask Valkey for.
func (r Lookup) Query() scripts.Query {
	q := scripts.Query{Tenants: make([]meter.TenantDays, len(r.tenants))}
	if r.view != nil {
		q.Settled, q.Position = r.view.settled, r.position()
		if len(r.tenants) > 0 {
			q.MissingFrom = r.view.missingFrom[scripts.ShardOf(r.tenants[0].Name, len(r.view.missingFrom))]
		}
	}
	for i, t := range r.tenants {
		q.Tenants[i] = meter.TenantDays{Tenant: t.Name, From: r.periods[i].From, To: r.periods[i].To}
	}
	return q
}

// Usage adds the answer to Query, the unsettled totals of each tenant, to what the
// view knows. at is the instant after Valkey has answered. unsettled is nil if the answer
// was scripts.ErrRewound: what is left is stale, and never too much.
func (r Lookup) Usage(unsettled []meter.Amounts, at time.Time) []meter.Usage {
	usages := make([]meter.Usage, len(r.tenants))
	for i, t := range r.tenants {
		usages[i] = meter.Usage{
			Tenant: t, Period: r.periods[i], AsOf: at.UTC(),
			Stale: unsettled == nil || r.settled[i] == nil || at.Sub(r.view.taken) >= Grace,
		}
		if unsettled != nil {
			usages[i].Used = unsettled[i]
		}
		if r.settled[i] != nil {
			usages[i].Used = usages[i].Used.Add(r.settled[i].used)
		}
		usages[i].Used = usages[i].Used.Totals()
	}
	return usages
}
