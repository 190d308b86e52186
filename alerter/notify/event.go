package notify

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// The types of events.
const (
	Crossed = "quota.threshold_crossed"
	Rearmed = "quota.rearmed"
	// Test is sent by `flagmeter alerts test` and `flagmeter doctor --send`, and never stored.
	Test = "flagmeter.test"
)

// topFeatures is how many features a message names.
const topFeatures = 3

// Event is what a message reports, with the figures of the moment at which it happened: a
// repeated message is the same to the letter.
type Event struct {
	Type        string
	Alert       uuid.UUID
	Tenant      string    // the name that people see
	PeriodStart meter.Day // first day
	PeriodEnd   meter.Day // first day of the next period
	Threshold   int       // percent
	Dashboard   string    // link to the tenant there; empty: PUBLIC_URL is not set
	Facts
}

// Facts are stored with each delivery, as JSON.
type Facts struct {
	At    time.Time `json:"at"`             // UTC
	Name  string    `json:"name,omitempty"` // that people see; empty: the tenant's key
	Used  int64     `json:"used"`           // tokens
	Quota int64     `json:"quota"`          // tokens; 0: the tenant has none any more
	// Thresholds are all that were crossed or armed again at once, ascending.
	Thresholds []int  `json:"thresholds,omitempty"`
	Reason     string `json:"reason,omitempty"` // of Rearmed
	// The pace in tokens a day, and where it leads; nil if that cannot be told.
	PerDay      *int64     `json:"perDay,omitempty"`
	Projected   *int64     `json:"projectedTokens,omitempty"`
	ExhaustedAt *time.Time `json:"exhaustedAt,omitempty"` // nil: not in this period
	Features    []Feature  `json:"features,omitempty"`    // the largest

	// Unreadable reports that the row held something else: only what its alert has is known.
	Unreadable bool `json:"-"`
}

// Feature is one of the features that have used most.
type Feature struct {
	Name   string `json:"feature"`
	Tokens int64  `json:"tokens"`
}

// NewFacts returns the facts of an event of a tenant with this usage.
func NewFacts(at time.Time, u meter.Usage, thresholds []int, reason string) Facts {
	f := Facts{At: at.UTC(), Name: u.Tenant.DisplayName, Used: u.Used[meter.Tokens], Quota: u.Tenant.Quota,
		Thresholds: thresholds, Reason: reason}
	if p, ok := u.Project(); ok {
		f.PerDay, f.Projected = &p.PerDay, &p.Total
		if !p.Exhausted.IsZero() {
			f.ExhaustedAt = &p.Exhausted
		}
	}
	for _, part := range u.Features[:min(topFeatures, len(u.Features))] {
		f.Features = append(f.Features, Feature{part.Feature, part.Used[meter.Tokens]})
	}
	return f
}

// Value encodes f for Postgres.
func (f Facts) Value() (driver.Value, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode facts: %w", err)
	}
	return string(b), nil
}

// Scan reads f from Postgres. It never fails: one unreadable row must not hold back all other
// messages. Its own message then says what its alert has.
func (f *Facts) Scan(src any) error {
	b, _ := src.([]byte)
	if err := json.Unmarshal(b, f); err != nil {
		*f = Facts{Unreadable: true}
	}
	return nil
}
