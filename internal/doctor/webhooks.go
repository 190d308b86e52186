package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter/outbox"
)

// webhooks reports whether alerts will arrive. A message goes out only with Send.
func (p *Patient) webhooks(ctx context.Context) []Finding {
	try := outbox.Reach
	if p.Send {
		try = outbox.TestAll
	}
	probes, err := try(ctx, outbox.Options{
		DB: p.DB, DefaultURL: string(p.Config.SlackWebhookURL),
		AllowPrivate: p.Config.WebhookAllowPrivate, PublicURL: p.Config.PublicURL, Now: p.Now})
	if err != nil {
		return unknown("webhooks", err)
	}
	if len(probes) == 0 {
		return one("webhooks", Warn, "there is none: alerts are recorded, and nobody gets a message",
			"set SLACK_WEBHOOK_URL, or psql: INSERT INTO slack_webhooks (tenant, url) VALUES"+
				" ('acme-corp', 'https://...')")
	}
	var all []Finding
	for _, probe := range probes {
		f := Finding{Check: probe.Target, Status: OK, Text: fmt.Sprintf(
			"can be reached, in %s; --send tries a message", probe.Took.Round(time.Millisecond))}
		if p.Send {
			f.Text = fmt.Sprintf("took a test message, in %s", probe.Took.Round(time.Millisecond))
		}
		if probe.Error != "" {
			f.Status, f.Text = Fail, probe.Error
			if probe.Answer != "" {
				f.Text += fmt.Sprintf(", answer %q", probe.Answer)
			}
			f.Advice = webhookAdvice(probe)
		}
		all = append(all, f)
	}
	return all
}

// webhookAdvice says where the address of a webhook is stored, and what to check.
func webhookAdvice(p outbox.Probe) string {
	where := "SLACK_WEBHOOK_URL"
	if table, id, ok := p.Row(); ok {
		where = fmt.Sprintf("psql: SELECT * FROM %s WHERE id = '%s'", table, id)
	}
	if p.Status != 0 {
		return "make a new webhook where the old one is from, and put its address there: " + where
	}
	return "correct the address, or the way to it (DNS, firewall, certificate), then: flagmeter" +
		" doctor --send; the address is in " + where
}
