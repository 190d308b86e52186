package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	schema "github.com/eduardosanzb/flagmeter/sql"
)

func (p *Patient) migrations(ctx context.Context) []Finding {
	err := schema.Check(ctx, p.DB)
	switch {
	case errors.Is(err, schema.ErrOutdated):
		return one(migrated, Fail, err.Error(), "flagmeter migrate (or: docker compose run --rm migrate); it can be done while the roles run")
	case err != nil:
		return one(migrated, Fail, err.Error(), "flagmeter migrate, with MIGRATE_DATABASE_URL of the owner, grants the right to look")
	}
	newer, err := schema.Unknown(ctx, p.DB)
	if err != nil {
		return unknown(migrated, err)
	}
	if len(newer) > 0 {
		return one(migrated, Warn, "the schema is newer than this program ("+strings.Join(newer, ", ")+")",
			"finish the update: run the newest version of every role; or go on, if you have just gone back one version")
	}
	return ok(migrated, "all are applied")
}

// daysAhead is for how many days behind today there should be partitions: the flusher makes
// them for two each hour, so one day less says that it has not run for a day.
const daysAhead = 1

// partitions is whether events find a place of their own.
func (p *Patient) partitions(ctx context.Context) []Finding {
	var names []string
	if err := p.DB.SelectContext(ctx, &names, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'public.events'::regclass AND c.relname ~ '^events_[0-9]{8}$'`); err != nil {
		return unknown("partitions", err)
	}
	exists := map[string]bool{}
	for _, name := range names {
		exists[name] = true
	}
	const advice = "start a flusher, which makes them when it starts and every hour: flagmeter flusher"
	today := p.Now().UTC()
	ahead := 0
	for exists["events_"+today.AddDate(0, 0, ahead).Format("20060102")] {
		ahead++
	}
	var all []Finding
	switch {
	case ahead == 0:
		all = one("partitions", Fail, "there is none for today: events go to events_default", advice)
	case ahead <= daysAhead:
		all = one("partitions", Warn, "the last is that of "+today.AddDate(0, 0, ahead-1).Format(time.DateOnly), advice)
	default:
		all = ok("partitions", fmt.Sprintf("up to %s, %d days", today.AddDate(0, 0, ahead-1).Format(time.DateOnly), len(names)))
	}
	// The roles may not read a partition by itself; its size and its statistics they may.
	var rest struct{ Bytes, Rows int64 }
	if err := p.DB.GetContext(ctx, &rest, `SELECT pg_relation_size('public.events_default') AS bytes,
		pg_stat_get_live_tuples('public.events_default'::regclass) AS rows`); err != nil {
		return append(all, unknown("default partition", err)...)
	}
	if rest.Bytes > 0 && rest.Rows > 0 {
		return append(all, one("default partition", Warn, fmt.Sprintf("events_default has about %d rows: their days have no partition of their own", rest.Rows),
			"nothing is lost, they count; see which days: psql, as the owner: SELECT created_at::date, count(*) FROM events_default GROUP BY 1; and keep a flusher running")...)
	}
	return append(all, ok("default partition", "empty")...)
}
