package audit

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Series is one feature of one tenant.
type Series struct{ Tenant, Feature string }

// MinuteDrift is a row of rollups that differs from the sum of its events.
type MinuteDrift struct {
	Series
	Minute time.Time // UTC
	// Events is the sum of the minute's events. Rollups is what its row says; a missing row says
	// zero. Both include dead_events.
	Events, Rollups meter.Amounts
}

// Difference is the excess of rollups.
func (d MinuteDrift) Difference() meter.Amounts { return d.Rollups.Sub(d.Events) }

// DayDrift is a row of usage_daily that differs from the sum of its minutes.
type DayDrift struct {
	Series
	Day meter.Day // in the tenant's current calendar
	// Daily is what the row says. Minutes is the sum of the day's rollups, with their drift
	// corrected. Both include dead_events.
	Daily, Minutes meter.Amounts
}

// Difference is the excess of usage_daily.
func (d DayDrift) Difference() meter.Amounts { return d.Daily.Sub(d.Minutes) }

// TotalDrift is a series whose days, over its whole history, do not add up to its minutes.
type TotalDrift struct {
	Series
	// Days and Minutes are the sums inside and outside the range; the minutes in the range are
	// corrected.
	Days, Minutes meter.Amounts
	// Unresolved says that the days of the range do not account for the difference, so a repair
	// leaves them alone.
	Unresolved bool
	// moves says that days and minutes agree in total as they are. Days, wherever they begin, then
	// change with the minutes' corrections.
	moves bool
}

// Difference is the excess of the days.
func (d TotalDrift) Difference() meter.Amounts { return d.Days.Sub(d.Minutes) }

// Report is the result of an audit.
type Report struct {
	From, To time.Time // UTC
	Tenant   string    // empty: all
	// Since is the instant from which raw events and rollups are kept. Older parts of the range
	// were not compared. It is zero if nothing was ever dropped.
	Since time.Time
	// Rows counts the rows in the range; a row is a feature's minute.
	Rows int64
	// Moving counts the rows with events on their way, which were not compared.
	Moving int
	// Explained counts the rows, of minutes and days, whose difference lies in dead_events.
	Explained int
	// Unreadable counts damaged records in Valkey and damaged rows of dead_events, whose row is
	// unknown. They may be the cause of a drift.
	Unreadable int
	// Recut are the series whose days differ but add up: the tenant's zone was changed.
	Recut []Series

	Minutes []MinuteDrift // by tenant, feature and time
	Days    []DayDrift    // by tenant, feature and day; only those of Totals
	Totals  []TotalDrift  // by tenant and feature

	// Repaired says what a repair has changed; nil without one.
	Repaired *Repaired

	// drift is the excess of rollups, by the day on which it counts.
	drift map[scripts.DayKey]meter.Amounts
}

// Repaired says what a repair has changed.
type Repaired struct {
	// Rollups and Days are the numbers of rows corrected in rollups and usage_daily.
	Rollups, Days int
	// Ledger is the id of the row entered into the ledger; empty if nothing was changed.
	Ledger string
}

// Compared is the number of rows compared with their events: those without an event on its way.
func (r Report) Compared() int64 { return max(r.Rows-int64(r.Moving), 0) }

// Clean reports whether there is no drift.
func (r Report) Clean() bool { return len(r.Minutes) == 0 && len(r.Totals) == 0 }

// Resolved reports whether no drift is left: there was none, or all of it was repaired.
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

// RollupsDrift is the absolute error of rollups: differences do not cancel out.
func (r Report) RollupsDrift() (drift meter.Amounts) {
	for _, d := range r.Minutes {
		drift = drift.Add(size(d.Difference()))
	}
	return drift
}

// DailyDrift is the absolute error of usage_daily: differences of two series do not cancel out.
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
