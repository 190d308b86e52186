package alerter

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// What a message is about.
const (
	eventCrossed = "quota.threshold_crossed"
	eventRearmed = "quota.rearmed"
	// eventTest is sent by `flagmeter alerts test` and never stored.
	eventTest = "flagmeter.test"
)

// topFeatures is how many features a message names.
const topFeatures = 3

// event is what a message tells, with the figures of the moment at which it happened: a
// message that is repeated is the same to the letter.
type event struct {
	Type        string
	Alert       uuid.UUID
	Tenant      string    // the name that people see
	PeriodStart meter.Day // first day
	PeriodEnd   meter.Day // first day of the next period
	Threshold   int       // percent
	facts
}

// facts are stored with each delivery, as JSON.
type facts struct {
	At    time.Time `json:"at"`             // UTC
	Name  string    `json:"name,omitempty"` // that people see; empty: the tenant's key
	Used  int64     `json:"used"`           // tokens
	Quota int64     `json:"quota"`          // tokens; 0: the tenant has none any more
	// Thresholds are all that were crossed or armed again at once, ascending.
	Thresholds []int  `json:"thresholds,omitempty"`
	Reason     Reason `json:"reason,omitempty"` // of quota.rearmed
	// The pace in tokens a day, and where it leads; nil if that cannot be told.
	PerDay      *int64     `json:"perDay,omitempty"`
	Projected   *int64     `json:"projectedTokens,omitempty"`
	ExhaustedAt *time.Time `json:"exhaustedAt,omitempty"` // nil: not in this period
	Features    []feature  `json:"features,omitempty"`    // the largest

	unreadable bool
}

type feature struct {
	Name   string `json:"feature"`
	Tokens int64  `json:"tokens"`
}

// newFacts are the facts of an event of a tenant with this usage.
func newFacts(at time.Time, u meter.Usage, thresholds []int, reason Reason) facts {
	f := facts{At: at.UTC(), Name: u.Tenant.DisplayName, Used: u.Used[meter.Tokens], Quota: u.Tenant.Quota,
		Thresholds: thresholds, Reason: reason}
	if p, ok := u.Project(); ok {
		f.PerDay, f.Projected = &p.PerDay, &p.Total
		if !p.Exhausted.IsZero() {
			f.ExhaustedAt = &p.Exhausted
		}
	}
	for _, part := range u.Features[:min(topFeatures, len(u.Features))] {
		f.Features = append(f.Features, feature{part.Feature, part.Used[meter.Tokens]})
	}
	return f
}

// Value is f for Postgres.
func (f facts) Value() (driver.Value, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode facts: %w", err)
	}
	return string(b), nil
}

// Scan reads f from Postgres. It never fails: one row that cannot be read must not keep all
// other messages back. What its alert has is told then.
func (f *facts) Scan(src any) error {
	b, _ := src.([]byte)
	if err := json.Unmarshal(b, f); err != nil {
		*f = facts{unreadable: true}
	}
	return nil
}
