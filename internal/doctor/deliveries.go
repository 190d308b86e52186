package doctor

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
)

// deliveries is whether messages of alerts have arrived: a webhook that can be reached says
// nothing of those that were given up, nor of an alerter that does not run.
func (p *Patient) deliveries(ctx context.Context) []Finding {
	var n struct {
		Dead    int64 `db:"dead"`
		Recent  int64 `db:"recent"`
		Overdue int64 `db:"overdue"`
	}
	err := p.DB.GetContext(ctx, &n, `SELECT count(*) FILTER (WHERE status = 'dead') AS dead,
		count(*) FILTER (WHERE status = 'dead'
			AND created_at > $1::timestamptz - interval '7 days') AS recent,
		count(*) FILTER (WHERE status = 'pending'
			AND next_attempt_at < $1::timestamptz - interval '5 minutes') AS overdue
		FROM deliveries WHERE status <> 'delivered'`, p.Now())
	if err != nil {
		return unknown("deliveries", err)
	}
	const resend = "flagmeter alerts list --state dead shows why; correct the webhook, then:" +
		" flagmeter alerts resend --all"
	var all []Finding
	switch text := humanize.Comma(n.Dead) +
		" messages were given up, so nobody was told of these crossings"; {
	case n.Recent > 0:
		all = one("deliveries", Fail,
			fmt.Sprintf("%s (%s in the last 7 days)", text, humanize.Comma(n.Recent)), resend)
	case n.Dead > 0:
		all = one("deliveries", Warn, text+"; all are older than 7 days", resend)
	default:
		all = ok("deliveries", "none was given up")
	}
	if n.Overdue > 0 {
		all = append(all, one("overdue", Fail,
			humanize.Comma(n.Overdue)+" messages should have been tried more than 5 minutes ago",
			"look whether an alerter runs and what it logs: flagmeter healthcheck alerter; docker compose"+
				" logs alerter, or: journalctl -u flagmeter-alerter")...)
	}
	return all
}
