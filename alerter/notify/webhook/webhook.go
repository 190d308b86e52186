package webhook

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Notifier implements [notify.Notifier].
type Notifier struct{}

// Table names the table of webhooks of one tenant or of all.
func (Notifier) Table() string { return "webhooks" }

// Paced is false: a receiver accepts messages at any rate.
func (Notifier) Paced() bool { return false }

// Judge changes nothing: the status of an answer says whether the receiver accepted the message.
func (Notifier) Judge(*notify.Reply, string) {}

// Keys returns the keys of secrets in the form whsec_<base64>. During a rotation there are two. A
// receiver that knows either accepts the message.
func (Notifier) Keys(to notify.Target) ([]*webhooks.Webhook, error) {
	var all []*webhooks.Webhook
	for _, secret := range []string{to.Secret, to.Previous} {
		if secret == "" {
			continue
		}
		key, err := webhooks.NewWebhook(secret)
		if err != nil {
			return nil, notify.ErrSecret
		}
		all = append(all, key)
	}
	return all, nil
}

// Body returns the event as JSON with the members of Standard Webhooks: type, timestamp, data.
// docs/WEBHOOKS.md describes the fields.
func (Notifier) Body(e notify.Event) ([]byte, error) {
	body, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      data      `json:"data"`
	}{e.Type, e.At, newData(e)})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return body, nil
}

type data struct {
	Alert           uuid.UUID        `json:"alert"`
	Tenant          string           `json:"tenant"`
	Threshold       int              `json:"threshold"`
	Thresholds      []int            `json:"thresholds"`
	Reason          string           `json:"reason,omitempty"`
	Used            int64            `json:"used"`
	Quota           *int64           `json:"quota"`   // null: none
	Percent         *float64         `json:"percent"` // null without a quota
	PeriodStart     string           `json:"periodStart"`
	PeriodEnd       string           `json:"periodEnd"`
	PerDay          *int64           `json:"perDay"`
	ProjectedTokens *int64           `json:"projectedTokens"`
	ExhaustedAt     *time.Time       `json:"exhaustedAt"`
	TopFeatures     []notify.Feature `json:"topFeatures"`
	Dashboard       *string          `json:"dashboard"`
}

func newData(e notify.Event) data {
	d := data{
		Alert: e.Alert, Tenant: e.Tenant, Threshold: e.Threshold, Thresholds: e.Thresholds,
		Reason: e.Reason,
		Used:   e.Used, PeriodStart: e.PeriodStart.String(), PeriodEnd: e.PeriodEnd.String(),
		PerDay: e.PerDay, ProjectedTokens: e.Projected, ExhaustedAt: e.ExhaustedAt,
		TopFeatures: append([]notify.Feature{}, e.Features...),
	}
	if e.Quota > 0 {
		percent := meter.Percent(e.Used, e.Quota)
		d.Quota, d.Percent = &e.Quota, &percent
	}
	if e.Dashboard != "" {
		d.Dashboard = &e.Dashboard
	}
	return d
}
