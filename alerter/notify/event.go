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
	// Test is the type of events that `flagmeter alerts test` and `flagmeter doctor --send` send.
	// They are never stored.
	Test = "flagmeter.test"
)

// topFeatures is how many features a message names.
const topFeatures = 3

// Event is the content of a message, with the figures of the moment at which it happened, so that a
// repeated message is identical.
type Event struct {
	Type        string
	Alert       uuid.UUID
	Tenant      string    // the name shown to people
	PeriodStart meter.Day // first day
	PeriodEnd   meter.Day // first day of the next period
	Threshold   int       // percent
	Dashboard   string    // link to its page of the tenant; empty: PUBLIC_URL is not set
	Facts
}

// Facts are stored with each delivery, as JSON.
type Facts struct {
	At    time.Time `json:"at"`             // UTC
	Name  string    `json:"name,omitempty"` // shown to people; empty: the tenant's key
	Used  int64     `json:"used"`           // tokens
	Quota int64     `json:"quota"`          // tokens; 0: the tenant has no quota any more
	// Thresholds are all that were crossed or armed again at once, ascending.
	Thresholds []int  `json:"thresholds,omitempty"`
	Reason     string `json:"reason,omitempty"` // of Rearmed
	// The pace in tokens a day, and the projection; nil if they are unknown.
	PerDay      *int64     `json:"perDay,omitempty"`
	Projected   *int64     `json:"projectedTokens,omitempty"`
	ExhaustedAt *time.Time `json:"exhaustedAt,omitempty"` // nil: not in this period
	Features    []Feature  `json:"features,omitempty"`    // the largest

	// Unreadable reports that the row could not be decoded: only the alert's fields are known.
	Unreadable bool `json:"-"`
}

// Feature is one of the features that have used the most tokens.
type Feature struct {
	Name   string `json:"feature"`
	Tokens int64  `json:"tokens"`
}

// NewFacts returns the facts of an event of a tenant with this usage.
func NewFacts(at time.Time, u meter.Usage, thresholds []int, reason string) Facts {
	f := Facts{At: at.UTC(), Name: u.Tenant.DisplayName,
		Used: u.Used[meter.Tokens], Quota: u.Tenant.Quota,
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

// Scan reads f from Postgres. It never fails, because one unreadable row must not hold back all
// other messages. The message of such a row contains only its alert's fields.
func (f *Facts) Scan(src any) error {
	b, _ := src.([]byte)
	if err := json.Unmarshal(b, f); err != nil {
		*f = Facts{Unreadable: true}
	}
	return nil
}
