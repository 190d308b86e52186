package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

// rivalTables are those of queue and insert: what FlagMeter's are for, without partitions and
// foreign keys. The id that the client sent is the primary key, so it is stored once.
const rivalTables = `
	CREATE TABLE rival_events (
		id         text        PRIMARY KEY,
		tenant     text        NOT NULL,
		feature    text        NOT NULL,
		tokens     bigint      NOT NULL,
		created_at timestamptz NOT NULL);
	CREATE TABLE rival_rollups (
		tenant       text        NOT NULL,
		feature      text        NOT NULL,
		minute       timestamptz NOT NULL,
		total_tokens bigint      NOT NULL,
		events       bigint      NOT NULL,
		PRIMARY KEY (tenant, feature, minute))`

// inRivalEvents is what they have of the events.
const inRivalEvents = "SELECT count(*) FROM rival_events"

// queue pushes each event to a list; a worker moves them to Postgres one at a time.
func queue(ctx context.Context, db *sqlx.DB, rdb redis.UniversalClient) keep {
	const list = "bench:queue"
	own, err := valkey.Connect(os.Getenv("VALKEY_URL")) // or the requests would take all connections
	if err != nil {
		return func(context.Context, event) error { return err }
	}
	go func() {
		defer own.Close()
		for ctx.Err() == nil {
			popped, err := own.BRPop(ctx, time.Second, list).Result()
			if err != nil {
				continue
			}
			var e event
			if err := json.Unmarshal([]byte(popped[1]), &e); err != nil {
				continue
			}
			if err := insertEvent(ctx, db, e); err != nil && ctx.Err() == nil {
				slog.Error("an event is lost", "error", err) // this is how it is built
			}
		}
	}()
	return func(ctx context.Context, e event) error {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return rdb.LPush(ctx, list, text).Err()
	}
}

// insert writes each event to Postgres before it answers.
func insert(_ context.Context, db *sqlx.DB, _ redis.UniversalClient) keep {
	return func(ctx context.Context, e event) error { return insertEvent(ctx, db, e) }
}

// insertEvent writes an event and adds it to its rollup, in one transaction; or nothing if
// its id is there.
func insertEvent(ctx context.Context, db *sqlx.DB, e event) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	res, err := tx.ExecContext(ctx, `
		INSERT INTO rival_events (id, tenant, feature, tokens, created_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		e.ID, e.Tenant, e.Feature, e.Tokens, e.Timestamp)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO rival_rollups AS r (tenant, feature, minute, total_tokens, events)
		VALUES ($1, $2, $3, $4, 1) ON CONFLICT (tenant, feature, minute) DO UPDATE
		SET total_tokens = r.total_tokens + excluded.total_tokens, events = r.events + 1`,
		e.Tenant, e.Feature, e.Timestamp.Truncate(time.Minute), e.Tokens); err != nil {
		return fmt.Errorf("upsert: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
