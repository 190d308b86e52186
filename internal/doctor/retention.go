package doctor

import (
	"context"
	"fmt"

	schema "github.com/eduardosanzb/flagmeter/sql"
)

// retention is whether the database itself refuses to drop what is to be kept, and who may drop
// the rest.
func (p *Patient) retention(ctx context.Context) []Finding {
	policy, set, err := schema.Policy(ctx, p.DB)
	if err != nil {
		return unknown("retention", err)
	}
	all := ok("retention", fmt.Sprintf("the database keeps events for %s and rollups for %s, 0s is"+
		" for ever", policy.Events, policy.Rollups))
	if !set {
		all = one("retention", Warn,
			"the database keeps 40 days alone: who takes over a flusher could drop what is older",
			"flagmeter migrate, with EVENTS_RETENTION and ROLLUPS_RETENTION as the flusher has them")
	}
	var app bool
	err = p.DB.GetContext(ctx, &app, `SELECT coalesce((SELECT
		has_function_privilege(oid, to_regprocedure('drop_old_partition(text, timestamptz)'), 'EXECUTE')
		FROM pg_roles WHERE rolname = 'flagmeter_app'), false)`)
	if err != nil {
		return append(all, unknown("flusher's role", err)...)
	}
	if app {
		return append(all, one("flusher's role", Warn,
			"flagmeter_app, which other roles are too, may drop what is no longer kept",
			"psql, as an administrator: \\i sql/roles.sql; name flagmeter_flusher in DATABASE_URL of the"+
				" flusher; REVOKE flagmeter_retention FROM flagmeter_app")...)
	}
	return append(all, ok("flusher's role", "only it may drop what is no longer kept")...)
}
