package outbox

import (
	"cmp"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// delivery is a row of the outbox with everything that its message needs.
type delivery struct {
	ID       uuid.UUID `db:"id"`
	Attempts int       `db:"attempts"` // this one included
	Attempt  int64     `db:"attempt"`  // its row in delivery_attempts
	GiveUpAt time.Time `db:"give_up_at"`

	Kind    string `db:"kind"`
	Default bool   `db:"is_default"` // the Slack URL of the settings
	// of slack_webhooks or webhooks; not valid if it was deleted
	Row     uuid.NullUUID  `db:"row"`
	URL     sql.NullString `db:"url"` // secret; of Row
	Enabled sql.NullBool   `db:"enabled"`
	Secret  sql.NullString `db:"secret"` // secret, like the next
	Old     sql.NullString `db:"previous_secret"`
	// Lane is the digest of the URL: one message at a time in each lane.
	Lane []byte         `db:"lane"`
	Host sql.NullString `db:"host"` // of the URL, with its port

	Event       string       `db:"event"`
	AlertID     uuid.UUID    `db:"alert_id"`
	Tenant      string       `db:"tenant"`
	PeriodStart meter.Day    `db:"period_start"`
	PeriodEnd   meter.Day    `db:"period_end"`
	Threshold   int          `db:"threshold"`
	FiredAt     time.Time    `db:"fired_at"`
	Used        int64        `db:"used"`  // when the alert fired
	Quota       int64        `db:"quota"` // when the alert fired
	Facts       notify.Facts `db:"facts"`
}

// event returns what d reports. A row of the previous version has no facts; its alert's figures are
// used then.
func (d *delivery) event(publicURL string) notify.Event {
	e := notify.Event{Type: d.Event, Alert: d.AlertID, Tenant: cmp.Or(d.Facts.Name, d.Tenant),
		PeriodStart: d.PeriodStart, PeriodEnd: d.PeriodEnd, Threshold: d.Threshold, Facts: d.Facts}
	if e.At.IsZero() {
		e.At, e.Used, e.Quota = d.FiredAt.UTC(), d.Used, d.Quota
	}
	if len(e.Thresholds) == 0 {
		e.Thresholds = []int{d.Threshold}
	}
	e.Dashboard = notify.DashboardLink(publicURL, e.Tenant)
	return e
}

// target returns where the message goes now.
func (d *delivery) target() notify.Target {
	return notify.Target{URL: d.URL.String, Secret: d.Secret.String, Previous: d.Old.String}
}

func (d *delivery) notifier() notify.Notifier { return notifiers[d.Kind] }
