package usage

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Grace is how long Valkey keeps a sum batch after its commit is known. A view of that age may lack
// one.
const Grace = 30 * time.Second

// view is a process's immutable knowledge of Postgres.
type view struct {
	// taken is an instant before the snapshot was made.
	taken time.Time
	// last is the largest ledger number seen.
	last int64
	// settled are the ids of batches in the snapshot that Valkey may still hold.
	settled []string
	tenants map[string]*periodUsage
	// recent are the last minutes of the tenants that have used anything lately.
	recent map[string]*minutes
	// renewed are the tenants whose usage was not copied from the view before.
	renewed []string
	// positions is the position that each shard had reached, by the ledger or by Valkey.
	positions []ledger.Position
	// missingFrom is, for each shard, the number of the first sum batch that the snapshot may not
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

// covers reports whether s is about the period that contains now for t.
func (s *periodUsage) covers(t meter.Tenant, now time.Time) bool {
	return s != nil && s.billingDay == t.BillingDay && s.zone == t.Zone.String() &&
		!now.Before(s.period.Start) && now.Before(s.period.End)
}

func (v *view) knows(id string) bool {
	for _, known := range v.settled { // about 30 at most: the batches of one grace period
		if known == id {
			return true
		}
	}
	return false
}

// Lookup is one answer in progress: the requested tenants, all of one shard, what the view knows of
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

// ViewID identifies a view: equal ids are the same view.
type ViewID struct{ view *view }

// ViewID returns the id of r's view.
func (r Lookup) ViewID() ViewID { return ViewID{r.view} }

// Settled is the settled usage of the i-th tenant in its current period; ok is false if the view
// does not cover that period.
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

// Query returns the query for Valkey.
func (r Lookup) Query() scripts.Query {
	q := scripts.Query{Tenants: make([]meter.TenantDays, len(r.tenants))}
	if r.view != nil {
		q.Settled, q.Position = r.view.settled, r.position()
		if len(r.tenants) > 0 {
			shard := scripts.ShardOf(r.tenants[0].Name, len(r.view.missingFrom))
			q.MissingFrom = r.view.missingFrom[shard]
		}
	}
	for i, t := range r.tenants {
		days := r.periods[i]
		q.Tenants[i] = meter.TenantDays{Tenant: t.Name, From: days.From, To: days.To}
	}
	return q
}

// Usage adds the answer to Query, the unsettled totals of each tenant, to the settled usage in the
// view. at is the instant after Valkey has answered. unsettled is nil if the answer was
// scripts.ErrRewound: the result is then stale, and never too much.
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
