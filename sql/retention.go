package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Retention is for how long rows are kept, whatever a flusher asks for; 0 is for ever.
type Retention struct{ Events, Rollups time.Duration }

// SetRetention enters for how long rows of events or rollups are kept, 0 is for ever; only the owner
// of the schema may. Nothing younger is dropped from then on. Unless over is set, what was entered
// before stays.
func SetRetention(ctx context.Context, db *sqlx.DB, table string, keep time.Duration, over bool) error {
	_, err := db.ExecContext(ctx, `INSERT INTO retention_policy AS p (name, keep) VALUES ($1, nullif($2::bigint, 0) * interval '1 second')
		ON CONFLICT (name) DO UPDATE SET keep = excluded.keep, set_at = now() WHERE $3 AND p.keep IS DISTINCT FROM excluded.keep`,
		table, int64(keep/time.Second), over)
	if err != nil {
		return fmt.Errorf("set for how long %s are kept: %w", table, err)
	}
	return nil
}

// Policy returns what SetRetention has entered, and false if nobody has.
func Policy(ctx context.Context, q sqlx.QueryerContext) (r Retention, set bool, err error) {
	var rows []struct {
		Name    string
		Seconds int64
	}
	err = sqlx.SelectContext(ctx, q, &rows, "SELECT name, coalesce(extract(epoch FROM keep), 0)::bigint AS seconds FROM retention_policy")
	if err != nil {
		return r, false, fmt.Errorf("read for how long rows are kept: %w", err)
	}
	for _, row := range rows {
		keep := time.Duration(row.Seconds) * time.Second
		if row.Name == "events" {
			r.Events = keep
		} else {
			r.Rollups = keep
		}
	}
	return r, len(rows) == 2, nil
}
