package slack

import (
	"crypto/sha256"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

// Notifier implements [notify.Notifier].
type Notifier struct{}

// Table names the table of tenants' Slack webhooks.
func (Notifier) Table() string { return "slack_webhooks" }

// Paced is true: Slack limits incoming webhooks to one message a second.
func (Notifier) Paced() bool { return true }

// Keys returns the SHA-256 of the URL. Slack checks no signature, but a receiver in its place can,
// since both sides share the URL as a secret.
func (Notifier) Keys(to notify.Target) ([]*webhooks.Webhook, error) {
	digest := sha256.Sum256([]byte(to.URL))
	key, err := webhooks.NewWebhookRaw(digest[:])
	if err != nil {
		return nil, notify.ErrSecret
	}
	return []*webhooks.Webhook{key}, nil
}
