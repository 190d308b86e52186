package grafana

import (
	"errors"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

var (
	timeFilter = regexp.MustCompile(`\$__timeFilter\((\w+)\)`)
	timeGroup  = regexp.MustCompile(`\$__timeGroupAlias\((\w+), (\d+)s\)`)
)

// macros does what Grafana's Postgres source does with a query before it sends it. The time
// shown begins with a whole minute: a rollup has the time of its minute's begin.
func (w *watched) macros(query string) string {
	from, to := "'"+w.from.UTC().Truncate(time.Minute).Format(time.RFC3339)+"'", "'"+w.to.UTC().Format(time.RFC3339)+"'"
	query = strings.ReplaceAll(query, "$__interval", "60s")
	query = timeFilter.ReplaceAllString(query, "$1 BETWEEN "+from+" AND "+to)
	query = timeGroup.ReplaceAllString(query, `floor(extract(epoch from $1)/$2)*$2 AS "time"`)
	return strings.NewReplacer("$__timeFrom()", from, "$__timeTo()", to, "${tenant:sqlstring}", "'it''s quoted'").Replace(query)
}

// postgres asks the panels about Postgres as the user that postgres.sql makes for Grafana.
func (w *watched) postgres(t *testing.T, databaseURL string) {
	db := grafanaUser(t, w.db, databaseURL)
	for _, d := range dashboards(t) {
		queries := map[string]string{}
		for _, p := range d.queries(postgresSource) {
			queries[p.Title] = p.Targets[0].RawSQL
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" && v.Datasource.Type == postgresSource {
				queries["variable "+v.Name] = v.text()
			}
		}
		for title, query := range queries {
			rows, err := db.QueryxContext(t.Context(), w.macros(query))
			if err != nil {
				t.Errorf("%q: %v\n%s", title, err, w.macros(query))
				continue
			}
			n := 0
			for rows.Next() {
				n++
			}
			if err := rows.Err(); err != nil || n == 0 {
				t.Errorf("%q: %d rows, %v", title, n, err)
			}
			rows.Close()
		}
	}
}

// grafanaUser makes the user of postgres.sql, and sees that it can only read.
func grafanaUser(t *testing.T, owner *sqlx.DB, databaseURL string) *sqlx.DB {
	t.Helper()
	script, err := os.ReadFile("postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again is no error
		execute(t, owner, string(script))
	}
	execute(t, owner, "ALTER ROLE grafana PASSWORD 'change-me'")
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("grafana", "change-me")
	db, err := sqlx.ConnectContext(t.Context(), "postgres", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	execute(t, db, "SET default_transaction_read_only = off") // as anybody may
	for _, query := range []string{
		"UPDATE tenants SET monthly_quota = 1", "DELETE FROM deliveries", "CREATE TABLE mine (n int)",
		"SELECT url FROM slack_webhooks", "SELECT * FROM events", "SELECT content FROM dead_events",
	} {
		_, err := db.ExecContext(t.Context(), query)
		var refused *pq.Error
		if !errors.As(err, &refused) || refused.Code.Name() != "insufficient_privilege" {
			t.Errorf("Grafana's user is not refused %s: %v", query, err)
		}
	}
	return db
}
