package alerter

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// everyWebhook is how often the rows of webhooks and slack_webhooks are looked through.
const everyWebhook = "@every 1m"

// lookAtWebhooks finds the enabled webhooks that no message can be sent to, because their row
// cannot be used: an alert would find that out too late. It logs an ERROR for each that is new,
// and publishes how many there are.
func (a *Alerter) lookAtWebhooks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dbTime)
	defer cancel()
	targets, err := probed(ctx, Options{DB: a.db, DefaultURL: a.outbox.defaultURL}, nil)
	if err != nil {
		return err
	}
	unusable := map[string]bool{}
	count := map[string]float64{tableSlack: 0, tableWebhooks: 0}
	for _, t := range targets {
		reason := a.sender.unusable(t.target)
		table, id, ok := Probe{Target: t.name}.Row()
		if reason == "" || !ok {
			continue
		}
		unusable[t.name] = true
		count[table]++
		if !a.unusable[t.name] {
			a.log.Error("a webhook cannot be used: correct its row, see 'flagmeter doctor'",
				slog.String("table", table), slog.String("row", id), slog.String("reason", reason))
		}
	}
	a.unusable = unusable
	for table, n := range count {
		a.metrics.unusable.WithLabelValues(table).Set(n)
	}
	return nil
}

// unusable says in fixed words why no message can ever go to t; "" if one can.
func (s *sender) unusable(t target) string {
	if _, refused := s.allowed(t.url); refused != "" {
		return refused
	}
	now := time.Unix(0, 0)
	_, err := newRequest(t, uuid.NewString(),
		testEvent(meter.Tenant{Name: "flagmeter", BillingDay: 1, Zone: time.UTC}, now), "")
	if err != nil {
		return fmt.Sprint(err) // fixed words too
	}
	return ""
}
