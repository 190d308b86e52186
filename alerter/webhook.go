package alerter

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// webhookBody is the JSON event for the rows of webhooks, in the shape of Standard
// Webhooks: type, timestamp, data. docs/WEBHOOKS.md tells what the fields mean.
func webhookBody(e event, publicURL string) ([]byte, error) {
	body, err := json.Marshal(struct {
		Type      string      `json:"type"`
		Timestamp time.Time   `json:"timestamp"`
		Data      webhookData `json:"data"`
	}{e.Type, e.At, newWebhookData(e, publicURL)})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return body, nil
}

type webhookData struct {
	Alert           uuid.UUID  `json:"alert"`
	Tenant          string     `json:"tenant"`
	Threshold       int        `json:"threshold"`
	Thresholds      []int      `json:"thresholds"`
	Reason          string     `json:"reason,omitempty"`
	Used            int64      `json:"used"`
	Quota           *int64     `json:"quota"`   // null: none
	Percent         *float64   `json:"percent"` // null without a quota
	PeriodStart     string     `json:"periodStart"`
	PeriodEnd       string     `json:"periodEnd"`
	PerDay          *int64     `json:"perDay"`
	ProjectedTokens *int64     `json:"projectedTokens"`
	ExhaustedAt     *time.Time `json:"exhaustedAt"`
	TopFeatures     []feature  `json:"topFeatures"`
	Dashboard       *string    `json:"dashboard"`
}

func newWebhookData(e event, publicURL string) webhookData {
	d := webhookData{
		Alert: e.Alert, Tenant: e.Tenant, Threshold: e.Threshold, Thresholds: e.Thresholds,
		Reason: string(e.Reason),
		Used:   e.Used, PeriodStart: e.PeriodStart.String(), PeriodEnd: e.PeriodEnd.String(),
		PerDay: e.PerDay, ProjectedTokens: e.Projected, ExhaustedAt: e.ExhaustedAt,
		TopFeatures: notNull(e.Features),
	}
	if e.Quota > 0 {
		percent := meter.Percent(e.Used, e.Quota)
		d.Quota, d.Percent = &e.Quota, &percent
	}
	if link := dashboardLink(publicURL, e.Tenant); link != "" {
		d.Dashboard = &link
	}
	return d
}
