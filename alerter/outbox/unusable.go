package outbox

import (
	"context"
	"log/slog"
)

// CheckWebhooks finds the enabled webhooks whose rows make it impossible to send a message, before
// an alert needs them. It logs an error for each new one and publishes their number. Only one call
// may run at a time.
func (o *Outbox) CheckWebhooks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dbTime)
	defer cancel()
	hooks, err := webhooks(ctx, Options{DB: o.db, DefaultURL: o.defaultURL}, nil)
	if err != nil {
		return err
	}
	unusable := map[string]bool{}
	count := map[string]float64{}
	for _, n := range notifiers {
		count[n.Table()] = 0
	}
	for _, h := range hooks {
		reason := o.sender.Unusable(h.notifier, h.target)
		table, id, ok := rowOf(h.name)
		if reason == "" || !ok {
			continue
		}
		unusable[h.name] = true
		count[table]++
		if !o.unusable[h.name] {
			o.log.Error("a webhook cannot be used: correct its row, see 'flagmeter doctor'",
				slog.String("table", table), slog.String("row", id), slog.String("reason", reason))
		}
	}
	o.unusable = unusable
	for table, n := range count {
		o.metrics.unusable.WithLabelValues(table).Set(n)
	}
	return nil
}
