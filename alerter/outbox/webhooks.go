package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

// hook is an enabled webhook.
type hook struct {
	name     string // such as "slack default"; never the URL
	notifier notify.Notifier
	target   notify.Target
}

// webhooks returns the enabled webhooks of the tenant's alerts or, if tenant is nil, of any
// tenant's. Of o it uses DB and DefaultURL.
func webhooks(ctx context.Context, o Options, tenant *string) ([]hook, error) {
	var rows []struct {
		Kind, Target string
		URL          sql.NullString
		Secret       sql.NullString
		Old          sql.NullString `db:"previous_secret"`
	}
	err := sqlx.SelectContext(ctx, o.DB, &rows, `
		SELECT 'slack' AS kind, 'slack ' || id AS target, url, NULL AS secret,
			NULL AS previous_secret
		FROM slack_webhooks WHERE ($1::text IS NULL OR tenant = $1) AND enabled
		UNION ALL SELECT 'slack', 'slack default', NULL, NULL, NULL
		WHERE $2::boolean AND NOT EXISTS (SELECT FROM slack_webhooks WHERE tenant = $1)
		UNION ALL SELECT 'webhook', 'webhook ' || id, url, secret, previous_secret
		FROM webhooks WHERE ($1 IS NULL OR tenant = $1 OR tenant IS NULL) AND enabled
		ORDER BY target`, tenant, o.DefaultURL != "")
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	hooks := make([]hook, len(rows))
	for i, row := range rows {
		hooks[i] = hook{row.Target, notifiers[row.Kind], notify.Target{
			URL: row.URL.String, Secret: row.Secret.String, Previous: row.Old.String}}
		if !row.URL.Valid {
			hooks[i].target.URL = o.DefaultURL
		}
	}
	return hooks, nil
}

// rowOf returns the table and id of the webhook with this name; ok is false for the webhook of
// SLACK_WEBHOOK_URL.
func rowOf(name string) (table, id string, ok bool) {
	kind, id, _ := strings.Cut(name, " ")
	return notifiers[kind].Table(), id, id != "default"
}
