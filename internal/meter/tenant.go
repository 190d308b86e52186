package meter

import (
	"cmp"
	"time"
)

// Tenant is a customer whose usage is metered, as its row in Postgres describes it.
type Tenant struct {
	// Name is the key that everything is counted under. It never changes.
	Name string
	// DisplayName is the name that people see instead; empty while the tenant was never renamed.
	DisplayName string
	// Aliases are all its names besides Name, DisplayName among them, in order.
	Aliases []string
	// Quota is the tokens included in one billing period; 0 means no quota.
	Quota int64
	// BillingDay is the day of the month, 1 to 31, on which a period starts.
	BillingDay int
	// Zone is where the tenant's midnight is.
	Zone *time.Location
	// Thresholds are percentages of the quota, ascending, at which an alert fires.
	Thresholds []int
	// Rate limits its events. It counts only if OwnRate is set, also if it is no limit; else
	// the deployment's setting does.
	Rate    Rate
	OwnRate bool
	// Enforce says what becomes of events once Quota is used up.
	Enforce Enforcement
	// Archived tenants keep their figures and accept no events.
	Archived bool
}

// Shown is the name to tell people: in answers, exports and messages.
func (t Tenant) Shown() string { return cmp.Or(t.DisplayName, t.Name) }

// Period is the tenant's billing period that contains t.
func (t Tenant) Period(at time.Time) Period { return PeriodAt(at, t.BillingDay, t.Zone) }

// Day is the tenant's local date at the instant at.
func (t Tenant) Day(at time.Time) Day { return DayAt(at, t.Zone) }
