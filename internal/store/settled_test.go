package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

const today = meter.Day(20_625)

// id is the n-th batch of these tests.
func id(n int) string { return fmt.Sprintf("0198f3c2-7a4e-7cc1-9b7e-%012d", n) }

func settle(t *testing.T, env *stacktest.Env, n int, kind, tenants string) {
	t.Helper()
	if _, err := env.DB.ExecContext(t.Context(),
		`INSERT INTO flushes (id, shard, kind, seq, rows, tokens, tenants)
		VALUES ($1, 0, $2, 1, 1, 1, $3)`, id(n), kind, tenants); err != nil {
		t.Fatal(err)
	}
}

func TestPeriodUsagesAddUpHalfOpenDays(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.DB.ExecContext(t.Context(), `INSERT INTO tenants (name)
		VALUES ('acme'), ('zed'), ('🦉 "\{}')`); err != nil {
		t.Fatal(err)
	}
	add := func(tenant string, day meter.Day, feature string, tokens int64) {
		t.Helper()
		if _, err := env.DB.ExecContext(t.Context(),
			`INSERT INTO usage_daily (tenant, day, feature, total_tokens, events)
			VALUES ($1, $2, $3, $4, 2)`, tenant, day.String(), feature, tokens); err != nil {
			t.Fatal(err)
		}
	}
	for i := range meter.Day(4) { // 1, 2, 4, 8
		add("acme", today+i, "chat", 1<<i)
	}
	add("acme", today+1, "image", 100)
	add(`🦉 "\{}`, today, "chat", 7)
	add("zed", today, "chat", math.MaxInt64)
	add("zed", today+1, "chat", math.MaxInt64)

	keys := []meter.TenantDays{
		{Tenant: "acme", From: today + 1, To: today + 3},
		{Tenant: `🦉 "\{}`, From: today - 100, To: today + 100},
		{Tenant: "zed", From: today, To: today + 2},
		{Tenant: "nobody", From: today, To: today + 1},
	}
	rows, err := store.PeriodUsages(t.Context(), env.DB, keys)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s %s %d %d", r.Tenant, r.Feature, r.Used[meter.Tokens],
			r.Used[meter.Events]))
	}
	slices.Sort(got)
	want := []string{"acme chat 6 4", "acme image 100 2", "zed chat 9223372036854775807 4",
		`🦉 "\{} chat 7 2`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
	if rows, err := store.PeriodUsages(t.Context(), env.DB, nil); err != nil || len(rows) > 0 {
		t.Errorf("of nobody: %v, %v", rows, err)
	}
}

func TestASnapshotSeesOneStateAndCannotWrite(t *testing.T) {
	env := stacktest.New(t)
	count := func(ctx context.Context, tx *sqlx.Tx) (n int, err error) {
		return n, tx.GetContext(ctx, &n, "SELECT count(*) FROM flushes")
	}
	err := store.Snapshot(t.Context(), env.DB,
		time.Minute, func(ctx context.Context, tx *sqlx.Tx) error {
			before, err := count(ctx, tx)
			if err != nil {
				return err
			}
			settle(t, env, 1, "sum", "{}") // by another connection
			after, err := count(ctx, tx)
			if before != 0 || after != 0 {
				t.Errorf("%d rows, then %d", before, after)
			}
			return err
		})
	if err != nil {
		t.Error(err)
	}
	err = store.Snapshot(t.Context(), env.DB,
		time.Minute, func(ctx context.Context, tx *sqlx.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM flushes")
			return err
		})
	if err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a write: %v", err)
	}
	err = store.Snapshot(t.Context(), env.DB,
		20*time.Millisecond, func(ctx context.Context, tx *sqlx.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT pg_sleep(60)")
			return err
		})
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("beyond the limit: %v", err)
	}
}
