package alerter

import (
	"slices"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Reason names the rule behind a decision.
type Reason string

const (
	// Fired: usage has reached the threshold and no alert is open for it.
	Fired Reason = "fired"
	// AlreadyFired: usage is at or above the threshold, and its alert is open.
	AlreadyFired Reason = "already fired"
	// Below: usage has not reached the threshold.
	Below Reason = "below"
	// Rearmed: an alert is open, and usage is below its threshold again or the
	// tenant has no quota any more.
	Rearmed Reason = "re-armed"
	// PeriodOver: an alert of an earlier billing period is still open.
	PeriodOver Reason = "period over"
	// NoQuota: there is no quota to reach.
	NoQuota Reason = "no quota"
	// Archived: an archived tenant raises no alerts.
	Archived Reason = "archived"
	// Stale: the figure may lack some usage, so it proves nothing.
	Stale Reason = "stale"
)

// OpenAlert is an alert that has fired and is not cleared.
type OpenAlert struct {
	ID     uuid.UUID
	Tenant string
	// Period is the first day of the alert's billing period.
	Period    meter.Day `db:"period_start"`
	Threshold int
}

// Decision is the result of one rule for one threshold of a tenant.
type Decision struct {
	Reason Reason
	// Threshold is a percentage of the quota; 0 if the rule is about the tenant
	// as a whole (NoQuota, Archived, Stale).
	Threshold int
	// Alert is the id of the open alert that the decision concerns, if there is one.
	Alert uuid.UUID
	// Announce is set on decisions that cause a message: the highest of the thresholds that fire
	// together, and the lowest of those that are armed again together.
	Announce bool
}

// Fires reports whether the decision opens an alert.
func (d Decision) Fires() bool { return d.Reason == Fired }

// Clears reports whether the decision closes its alert.
func (d Decision) Clears() bool { return d.Reason == Rearmed || d.Reason == PeriodOver }

// Decide compares a tenant's usage with its thresholds. open are the tenant's open alerts of any
// period, by period and threshold. The decisions come in a fixed order: alerts of earlier periods
// first, then thresholds ascending.
//
// All thresholds that are reached at once fire. Only the highest is announced, unless a higher one
// was already announced. All alerts that are armed again at once cause one message, about the
// lowest, and so do those of a period that is over. An open alert whose threshold the tenant no
// longer has is treated as if it still had it, so adding the threshold again announces nothing
// twice. An open alert of a later period is left alone: an alerter whose clock is ahead wrote it,
// or it was written before the billing day was moved.
func Decide(u meter.Usage, open []OpenAlert) []Decision {
	if u.Stale {
		return []Decision{{Reason: Stale}}
	}
	var decisions []Decision
	current := make(map[int]uuid.UUID, len(open))
	over := u.Period.From // the period of the last PeriodOver decision
	for _, alert := range open {
		switch {
		case alert.Period < u.Period.From:
			decisions = append(decisions,
				Decision{Reason: PeriodOver, Threshold: alert.Threshold, Alert: alert.ID,
					Announce: alert.Period != over && !u.Tenant.Archived})
			over = alert.Period
		case alert.Period == u.Period.From:
			current[alert.Threshold] = alert.ID
		}
	}
	if u.Tenant.Archived {
		return append(decisions, Decision{Reason: Archived})
	}
	var thresholds []int
	if u.Tenant.Quota > 0 {
		thresholds = append(thresholds, u.Tenant.Thresholds...)
	} else {
		decisions = append(decisions, Decision{Reason: NoQuota})
	}
	for threshold := range current {
		thresholds = append(thresholds, threshold)
	}
	slices.Sort(thresholds)

	highest, rearmed := -1, false // index of the firing decision to announce
	for _, threshold := range slices.Compact(thresholds) {
		alert, isOpen := current[threshold]
		d := Decision{Threshold: threshold, Alert: alert}
		switch reached := meter.Reached(u.Used[meter.Tokens], u.Tenant.Quota, threshold); {
		case reached && isOpen:
			d.Reason = AlreadyFired
			highest = -1 // this higher one was already announced
		case reached:
			d.Reason = Fired
			highest = len(decisions)
		case isOpen:
			d.Reason, d.Announce = Rearmed, !rearmed
			rearmed = true
		default:
			d.Reason = Below
		}
		decisions = append(decisions, d)
	}
	if highest >= 0 {
		decisions[highest].Announce = true
	}
	return decisions
}
