package outbox

import (
	"slices"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/alerter/notify/slack"
	"github.com/eduardosanzb/flagmeter/alerter/notify/webhook"
)

// notifiers are the kinds of webhooks, by their names in deliveries.kind. The check constraint of
// that column allows no others.
var notifiers = map[string]notify.Notifier{
	"slack":   slack.Notifier{},
	"webhook": webhook.Notifier{},
}

// pacedKinds returns the kinds whose URLs accept one message a second.
func pacedKinds() (kinds []string) {
	for kind, n := range notifiers {
		if n.Paced() {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
