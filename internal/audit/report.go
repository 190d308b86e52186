package audit

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Series is one feature of one tenant.
type Series struct{ Tenant, Feature string }

// MinuteDrift is a row of rollups that is not what its events add up to.
type MinuteDrift struct {
	Series
	Minute time.Time // UTC
	// Events are those of the minute, Rollups is what its row says; a missing row says
	// zero. Both include what is in dead_events.
	Events, Rollups meter.Amounts
}

// Difference is what rollups have too much.
func (d MinuteDrift) Difference() meter.Amounts { return d.Rollups.Sub(d.Events) }

// DayDrift is a row of usage_daily that is not what its minutes add up to.
type DayDrift struct {
	Series
	Day meter.Day // in the tenant's calendar of today
	// Daily is what the row says, Minutes the sum of the day's rollups, with their own
	// drift put right. Both include what is in dead_events.
	Daily, Minutes meter.Amounts
}

// Difference is what usage_daily has too much.
func (d DayDrift) Difference() meter.Amounts { return d.Daily.Sub(d.Minutes) }

// TotalDrift is a series whose days, all that there are, do not add up to its minutes.
type TotalDrift struct {
	Series
	// Days and Minutes are the sums, inside and outside of the range; of minutes those
	// in the range are put right.
	Days, Minutes meter.Amounts
	// Unresolved says that the days of the range do not make up for the difference, so
	// that a repair leaves them alone.
	Unresolved bool
	// moves says that days and minutes agree in total as they are, so that days, however
	// they are cut, move with the minutes' corrections.
	moves bool
}

// Difference is what the days have too much.
func (d TotalDrift) Difference() meter.Amounts { return d.Days.Sub(d.Minutes) }

// Report is the result of an audit.
type Report struct {
	From, To time.Time // UTC
	Tenant   string    // empty: all
	// Since is from when on raw events and rollups are kept; what is older in the range was not
	// compared. It is zero if nothing was ever dropped.
	Since time.Time
	// Rows are the rows in the range, a row being a feature's minute.
	Rows int64
	// Moving are the rows with events on their way, which were not compared.
	Moving int
	// Explained are the rows, of minutes and days, whose difference lies in dead_events.
	Explained int
	// Unreadable are lines in Valkey and rows of dead_events that are damaged, so that no
	// row can be told of them. They may be the reason of a drift.
	Unreadable int
	// Recut are the series whose days differ but add up: the tenant's zone was changed.
	Recut []Series

	Minutes []MinuteDrift // by tenant, feature and time
	Days    []DayDrift    // by tenant, feature and day; only those of Totals
	Totals  []TotalDrift  // by tenant and feature

	// Repaired is what a repair has changed; nil without one.
	Repaired *Repaired

	// drift is what rollups have too much, by the day on which it counts.
	drift map[scripts.DayKey]meter.Amounts
}

// Repaired is what a repair has changed.
type Repaired struct {
	// Rollups and Days are the numbers of rows corrected in rollups and usage_daily.
	Rollups, Days int
	// Ledger is the id of the row entered into the ledger; empty if nothing was changed.
	Ledger string
}

// Compared is how many rows were held against their events: those that are not on their way.
func (r Report) Compared() int64 { return max(r.Rows-int64(r.Moving), 0) }

// Clean reports whether there is no drift.
func (r Report) Clean() bool { return len(r.Minutes) == 0 && len(r.Totals) == 0 }

// Resolved reports whether there is no drift left: there was none, or all was repaired.
func (r Report) Resolved() bool {
	if r.Repaired == nil {
		return r.Clean()
	}
	for _, t := range r.Totals {
		if t.Unresolved {
			return false
		}
	}
	return true
}

// RollupsDrift is by how much rollups are wrong: differences do not cancel out.
func (r Report) RollupsDrift() (drift meter.Amounts) {
	for _, d := range r.Minutes {
		drift = drift.Add(size(d.Difference()))
	}
	return drift
}

// DailyDrift is by how much usage_daily is wrong: differences of two series do not cancel out.
func (r Report) DailyDrift() (drift meter.Amounts) {
	for _, d := range r.Totals {
		drift = drift.Add(size(d.Difference()))
	}
	return drift
}

// size is a difference without signs.
func size(difference meter.Amounts) meter.Amounts {
	for a, n := range difference {
		difference[a] = max(n, -n)
	}
	return difference
}
