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

// SettledBatch is a sum batch that Postgres has.
type SettledBatch struct {
	ID string `db:"id"`
	// N is the ledger's order of entry. It may become visible out of order.
	N int64 `db:"n"`
	// Tenants are those whose usage it changed.
	Tenants pq.StringArray `db:"tenants"`
	// First and Last are the unix minutes between which its rollups lie.
	First int64 `db:"first"`
	Last  int64 `db:"last"`
}

// LastSettled is the largest N visible now, 0 if there is none.
func LastSettled(ctx context.Context, q sqlx.QueryerContext) (int64, error) {
	var n int64
	err := sqlx.GetContext(ctx, q, &n, "SELECT coalesce(max(n), 0) FROM flushes")
	if err != nil {
		return 0, fmt.Errorf("read end of ledger: %w", err)
	}
	return n, nil
}

// LedgerSeqs returns, for each shard, the largest seq in the ledger, 0 if there is none.
func LedgerSeqs(ctx context.Context, q sqlx.QueryerContext, shards int) ([]int64, error) {
	seqs := make([]int64, 0, shards)
	err := sqlx.SelectContext(ctx, q, &seqs, `SELECT coalesce((SELECT max(seq) FROM flushes WHERE shard = s), 0)
		FROM generate_series(0, $1 - 1) AS s ORDER BY s`, shards)
	if err != nil {
		return nil, fmt.Errorf("read seq of ledger: %w", err)
	}
	return seqs, nil
}

// SettledBatches returns the sum batches that are among ids or entered the ledger
// after the one numbered after.
func SettledBatches(ctx context.Context, q sqlx.QueryerContext, ids []string, after int64) ([]SettledBatch, error) {
	var batches []SettledBatch
	err := sqlx.SelectContext(ctx, q, &batches, `SELECT id, n, tenants,
		coalesce(first_minute, 0) AS first, coalesce(last_minute, 9223372036854775807) AS last FROM flushes
		WHERE kind = 'sum' AND (id = ANY ($1::uuid[]) OR n > $2)`, pq.Array(ids), after)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return batches, nil
}

// PeriodUsage is one feature's settled usage in a tenant's period.
type PeriodUsage struct {
	Tenant  string `db:"tenant"`
	Feature string `db:"feature"`
	Tokens  int64  `db:"tokens"`
	Events  int64  `db:"events"`
}

// PeriodUsages adds up usage_daily for each key: at most 31 rows a feature.
func PeriodUsages(ctx context.Context, q sqlx.QueryerContext, keys []meter.TenantDays) ([]PeriodUsage, error) {
	names, from, to := make([]string, len(keys)), make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		names[i], from[i], to[i] = k.Tenant, k.From.String(), k.To.String()
	}
	var rows []PeriodUsage
	err := sqlx.SelectContext(ctx, q, &rows, `SELECT tenant, feature, `+saturatedSum("total_tokens")+` AS tokens, `+saturatedSum("events")+` AS events
		FROM unnest($1::text[], $2::date[], $3::date[]) AS k (name, first, after)
		JOIN usage_daily u ON u.tenant = k.name AND u.day >= k.first AND u.day < k.after
		GROUP BY tenant, feature`, pq.Array(names), pq.Array(from), pq.Array(to))
	if err != nil {
		return nil, fmt.Errorf("add up settled usage: %w", err)
	}
	return rows, nil
}

// saturatedSum adds up a bigint column and stops at 2^63-1 instead of failing.
func saturatedSum(column string) string {
	return "least(sum(" + column + "), 9223372036854775807)::bigint"
}

// snapshotOptions make a transaction see one state of the database.
var snapshotOptions = sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}

// Snapshot runs read in one read-only transaction that sees a single state of the
// database, for at most limit.
func Snapshot(ctx context.Context, db *sqlx.DB, limit time.Duration, read func(ctx context.Context, tx *sqlx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tx, err := db.BeginTxx(ctx, &snapshotOptions)
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", err)
	}
	defer tx.Rollback() // nothing was written
	return read(ctx, tx)
}
