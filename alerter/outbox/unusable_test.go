package outbox_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
)

// TestOneOddDeliveryKeepsNoOtherBack damages the stored facts of one message.
func TestOneOddDeliveryKeepsNoOtherBack(t *testing.T) {
	w := newWorld(t)
	a := w.alerter(func(o *outbox.Options) { o.DefaultURL = w.Slack.URL })
	w.AddTenant("odd", 900, 1000, 80)
	w.AddTenant("fine", 850, 1000, 80)
	if _, err := a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Exec(`UPDATE deliveries
		SET facts = '["nonsense"]', next_attempt_at = next_attempt_at - interval '1 minute'
		FROM alerts WHERE alerts.id = alert_id AND tenant = 'odd'`)
	for range 2 { // one a second goes to a Slack URL
		if _, err := a.outbox.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Advance(2 * outbox.Pace)
	}
	var delivered int
	err := w.DB.Get(&delivered, "SELECT count(*) FROM deliveries WHERE status = 'delivered'")
	if err != nil || delivered != 2 {
		t.Errorf("%d of 2 messages were delivered, %v", delivered, err)
	}
	if !strings.Contains(w.Logs.String(), "facts cannot be read") {
		t.Error("nothing is logged of it")
	}
}

// TestAWebhookThatCannotBeUsedIsReported has rows that break the rules of their tables, as they
// may from before these rules.
func TestAWebhookThatCannotBeUsedIsReported(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewRegistry()
	a := w.alerter(func(o *outbox.Options) { o.Registerer = registry })
	w.AddTenant("acme", 0, 1000, 80)
	w.Exec("ALTER TABLE slack_webhooks DROP CONSTRAINT slack_webhooks_url_form; ALTER TABLE" +
		" webhooks DROP CONSTRAINT webhooks_secret_check")
	w.Exec("INSERT INTO slack_webhooks (tenant, url)" +
		" VALUES ('acme', 'xoxsecretxox'), ('acme', 'https://hooks.example/xoxsecretxox')")
	w.Exec("INSERT INTO webhooks (url, secret) VALUES ('https://hooks.example/a', 'xoxsecretxox!')")
	for range 2 {
		if err := a.outbox.CheckWebhooks(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := metricstest.Values(t, registry)
	if got["alerter_unusable_webhooks/slack_webhooks"] != 1 ||
		got["alerter_unusable_webhooks/webhooks"] != 1 {
		t.Errorf("metrics: %v", got)
	}
	if log := w.Logs.String(); strings.Count(log, "cannot be used") != 2 ||
		!strings.Contains(log, "ERROR") || strings.Contains(log, "xoxsecret") {
		t.Errorf("log: %s", log)
	}
	w.Exec("UPDATE slack_webhooks SET enabled = false; DELETE FROM webhooks")
	if err := a.outbox.CheckWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := metricstest.Values(t, registry)["alerter_unusable_webhooks/slack_webhooks"]; got != 0 {
		t.Errorf("%v are unusable after they were corrected", got)
	}
}
