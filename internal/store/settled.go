package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// PeriodUsage is one feature's settled usage in a tenant's period.
type PeriodUsage struct {
	Tenant  string        `db:"tenant"`
	Feature string        `db:"feature"`
	Used    meter.Amounts `db:"used"`
}

// PeriodUsages adds up usage_daily for each key: at most 31 rows a feature.
func PeriodUsages(
	ctx context.Context, q sqlx.QueryerContext, keys []meter.TenantDays,
) ([]PeriodUsage, error) {
	names, from, to := make([]string, len(keys)), make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		names[i], from[i], to[i] = k.Tenant, k.From.String(), k.To.String()
	}
	var rows []PeriodUsage
	err := sqlx.SelectContext(ctx, q, &rows, `SELECT tenant, feature, `+SumAmounts()+` AS used
		FROM unnest($1::text[], $2::date[], $3::date[]) AS k (name, first, after)
		JOIN usage_daily u ON u.tenant = k.name AND u.day >= k.first AND u.day < k.after
		GROUP BY tenant, feature`, pq.Array(names), pq.Array(from), pq.Array(to))
	if err != nil {
		return nil, fmt.Errorf("add up settled usage: %w", err)
	}
	return rows, nil
}

// snapshotOptions make a transaction see one state of the database.
var snapshotOptions = sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}

// Snapshot runs read in one read-only transaction that sees a single state of the
// database, for at most limit.
func Snapshot(ctx context.Context, db *sqlx.DB, limit time.Duration, read func(ctx context.Context,
	tx *sqlx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tx, err := db.BeginTxx(ctx, &snapshotOptions)
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", err)
	}
	defer tx.Rollback() // nothing was written
	return read(ctx, tx)
}
