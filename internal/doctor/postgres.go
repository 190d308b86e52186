package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"
)

// What the migrations are tested with.
const oldestPostgres, newestPostgres = 15, 18

// postgresSettings is whether Postgres keeps what it commits, and has room for connections.
func (p *Patient) postgresSettings(ctx context.Context) []Finding {
	var s struct {
		Number            int    `db:"number"`
		Version           string `db:"version"`
		FSync             string `db:"fsync"`
		FullPages         string `db:"full_pages"`
		SynchronousCommit string `db:"synchronous_commit"`
		Most              int    `db:"most"`
		Open              int    `db:"open"`
	}
	err := p.DB.GetContext(ctx, &s, `SELECT current_setting('server_version_num')::int AS number,
		current_setting('server_version') AS version,
		current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_pages,
			current_setting('synchronous_commit') AS synchronous_commit,
		current_setting('max_connections')::int AS most,
			(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS open`)
	if err != nil {
		return one("version", Fail, err.Error(), postgresAdvice(err))
	}
	all := ok("version", "Postgres "+s.Version)
	switch major := s.Number / 10000; {
	case major < oldestPostgres:
		all = one("version", Fail, fmt.Sprintf("Postgres %s is too old", s.Version),
			fmt.Sprintf("move to Postgres %d: pg_dump, then pg_restore into the new server, or pg_upgrade",
				newestPostgres))
	case major > newestPostgres:
		all = one("version", Warn, fmt.Sprintf("Postgres %s is newer than what was tested", s.Version),
			fmt.Sprintf("read CHANGELOG.md of a newer FlagMeter, or run Postgres %d", newestPostgres))
	}
	for _, must := range []struct{ name, got, risk string }{
		{"fsync", s.FSync, "a crash of the machine destroys the database"},
		{"full_page_writes", s.FullPages, "a crash in the middle of a write destroys a page"},
		{"synchronous_commit", s.SynchronousCommit, "the last alerts, tenants and keys can be lost in" +
			" a crash (events cannot: the flusher asks for it itself)"},
	} {
		f := Finding{Check: must.name, Status: OK, Text: must.got}
		if must.got == "off" {
			f.Status, f.Text = Fail, "off: "+must.risk
			f.Advice = fmt.Sprintf(
				"psql, as an administrator: ALTER SYSTEM SET %s = on; SELECT pg_reload_conf();", must.name)
		}
		all = append(all, f)
	}
	connections := Finding{Check: "connections", Status: OK,
		Text: fmt.Sprintf("%d of %d in use", s.Open, s.Most)}
	if s.Open*10 > s.Most*8 {
		connections.Status = Warn
		connections.Advice = "raise max_connections in postgresql.conf, or see who holds them: SELECT" +
			" usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2"
	}
	return append(all, connections)
}

// needs are rights without which a role fails sooner or later, as in sql/grants.sql.
var needs = []struct{ table, right string }{
	{"tenants", "SELECT"}, {"tenants", "INSERT"}, {"events", "INSERT"}, {"events", "SELECT"},
	{"dead_events", "INSERT"},
	{"rollups", "UPDATE"}, {"usage_daily", "UPDATE"}, {"flushes", "INSERT"}, {"flushes", "UPDATE"},
	{"alerts", "INSERT"},
	{"deliveries", "UPDATE"}, {"delivery_attempts", "INSERT"}, {"slack_webhooks", "SELECT"},
	{"webhooks", "SELECT"}, {"schema_migrations", "SELECT"},
}

// role is whether the account of DATABASE_URL may do what it must, and not everything.
func (p *Patient) role(ctx context.Context) []Finding {
	var who struct {
		Name  string `db:"name"`
		Super bool   `db:"super"`
		Owner bool   `db:"owner"`
		Roles bool   `db:"roles"`
	}
	err := p.DB.GetContext(ctx, &who, `SELECT rolname AS name, rolsuper AS super,
		EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.events')
			AND relowner = r.oid) AS owner,
		EXISTS (SELECT FROM pg_roles WHERE rolname = 'flagmeter_app') AS roles
		FROM pg_roles r WHERE rolname = current_user`)
	if err != nil {
		return unknown("role", err)
	}
	var tables, rights []string
	for _, n := range needs {
		tables, rights = append(tables, n.table), append(rights, n.right)
	}
	var missing []string
	err = p.DB.SelectContext(ctx, &missing, `SELECT n.right || ' on ' || n.table
		FROM unnest($1::text[], $2::text[]) AS n ("table", "right")
		WHERE to_regclass('public.' || n.table) IS NOT NULL AND NOT
			has_table_privilege('public.' || n.table, n.right)`, pq.Array(tables), pq.Array(rights))
	if err != nil {
		return unknown("role", err)
	}
	const make = "psql -d flagmeter -f sql/roles.sql, as an administrator, then flagmeter migrate" +
		" with MIGRATE_DATABASE_URL, and name flagmeter_ingest in DATABASE_URL"
	switch {
	case len(missing) > 0:
		slices.Sort(missing)
		return one("role", Fail,
			fmt.Sprintf("%s lacks %d rights, the first: %s", who.Name, len(missing), missing[0]),
			"flagmeter migrate, with MIGRATE_DATABASE_URL of the owner, grants them; before it,"+
				" unless done: "+make)
	case who.Super:
		return one("role", Warn,
			who.Name+" is a superuser: a flaw in FlagMeter could do anything to this server", make)
	case who.Owner:
		return one("role", Warn, who.Name+" owns the tables and could drop them", make)
	}
	return ok("role", who.Name+" has the rights it needs, and does not own the tables")
}
