package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

func (p *Patient) migrations(ctx context.Context) []Finding {
	err := schema.Check(ctx, p.DB)
	switch {
	case errors.Is(err, schema.ErrOutdated):
		return one(migrated, Fail, err.Error(),
			"flagmeter migrate (or: docker compose run --rm migrate); it can be done while the roles run")
	case err != nil:
		return one(migrated, Fail, err.Error(),
			"flagmeter migrate, with MIGRATE_DATABASE_URL of the owner, grants the right to look")
	}
	newer, err := schema.Unknown(ctx, p.DB)
	if err != nil {
		return unknown(migrated, err)
	}
	if len(newer) > 0 {
		return one(migrated, Warn,
			"the schema is newer than this program ("+strings.Join(newer, ", ")+")",
			"finish the update: run the newest version of every role; or go on, if you have just gone"+
				" back one version")
	}
	return ok(migrated, "all are applied")
}

// reachFor is how far the partitions should reach. The flusher makes them for seven days each
// hour, so less says that it has not run for a day.
const reachFor = 6 * 24 * time.Hour

// partitions checks that rows have partitions other than the default one.
func (p *Patient) partitions(ctx context.Context) []Finding {
	var all []Finding
	for _, table := range []string{store.Events, store.Rollups} {
		state, err := store.Partitions(ctx, p.DB, table, p.Now())
		if err != nil {
			return append(all, unknown("partitions", err)...)
		}
		all = append(all, judgePartitions(table, state, p.Now()))
	}
	return all
}

func judgePartitions(table string, s store.PartitionState, now time.Time) Finding {
	f := Finding{Check: table, Status: OK,
		Advice: "start a flusher, which makes them when it starts and every hour: flagmeter flusher"}
	switch until := s.Until.Time.UTC().Format(time.DateTime); {
	case !s.Until.Valid:
		f.Status, f.Text = Fail, "there is no partition for now: rows go to the default one"
	case s.Until.Time.Sub(now) < reachFor:
		f.Status, f.Text = Warn, "the partitions end at "+until+" UTC"
	case s.DefaultRows > 0:
		f.Status, f.Text = Warn, fmt.Sprintf("the default partition has %s rows or more, for whose"+
			" time there was none", humanize.Comma(s.DefaultRows))
		f.Advice = "nothing is lost, they count; keep a flusher running: it makes their partitions and" +
			" moves them"
	default:
		f.Text, f.Advice = "partitions until "+until+" UTC, none in the default one", ""
	}
	return f
}
