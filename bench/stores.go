package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// empty forgets all events and all that was made of them, and leaves acme-corp and n
// customers. Nothing may use the stores meanwhile. Every turn begins alike: with nothing left
// to do of the one before, and at the same size of Valkey's file.
func (r *rig) empty(ctx context.Context, n int) error {
	// Without SYNC Valkey frees the memory in the next turn.
	if err := r.rdb.Do(ctx, "FLUSHDB", "SYNC").Err(); err != nil {
		return fmt.Errorf("empty Valkey: %w", err)
	}
	if err := r.exec(ctx, `TRUNCATE events, rollups, usage_daily, flushes, alerts, deliveries,
		delivery_attempts, dead_events, rival_events, rival_rollups`); err != nil {
		return err
	}
	// Tenants are kept by triggers, which are off in this role.
	if err := r.exec(ctx, fmt.Sprintf(`BEGIN; SET LOCAL session_replication_role = replica;
		DELETE FROM tenant_names WHERE tenant <> '%[1]s'; DELETE FROM tenants WHERE name <> '%[1]s';
		UPDATE tenants_version SET version = version + 1; COMMIT`, tenant)); err != nil {
		return err
	}
	if err := r.exec(ctx, `INSERT INTO tenants (name, monthly_quota)
		SELECT 'customer-' || i, 1000000000000 FROM generate_series(0, $1 - 1) AS i`, n); err != nil {
		return err
	}
	if err := r.exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	return r.rewrite(ctx)
}

// rewrite makes Valkey write its append-only file anew.
func (r *rig) rewrite(ctx context.Context) error {
	for _, start := range []bool{false, true} { // one may be under way
		if start {
			if err := r.rdb.BgRewriteAOF(ctx).Err(); err != nil {
				return fmt.Errorf("rewrite the append-only file: %w", err)
			}
		}
		for {
			n, err := r.valkeyFigure(ctx, "persistence", "aof_rewrite_in_progress")
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// rewriteAt sets the growth in percent at which Valkey rewrites its append-only file by
// itself, 0 for never.
func (r *rig) rewriteAt(ctx context.Context, percent string) error {
	if err := r.rdb.ConfigSet(ctx, "auto-aof-rewrite-percentage", percent).Err(); err != nil {
		return fmt.Errorf("set when to rewrite the append-only file: %w", err)
	}
	return nil
}

// fsync sets when Valkey writes to disk: always or everysec.
func (r *rig) fsync(ctx context.Context, policy string) error {
	if err := r.rdb.ConfigSet(ctx, "appendfsync", policy).Err(); err != nil {
		return fmt.Errorf("set appendfsync: %w", err)
	}
	return nil
}

func (r *rig) exec(ctx context.Context, query string, args ...any) error {
	if _, err := r.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("%.40s: %w", query, err)
	}
	return nil
}

// ask is the number that a query returns.
func (r *rig) ask(ctx context.Context, query string) (n int, err error) {
	if err := r.db.GetContext(ctx, &n, query); err != nil {
		return 0, fmt.Errorf("%.40s: %w", query, err)
	}
	return n, nil
}

// stored waits until n events are in Postgres. To count the rows of events again and again
// would take the flusher a good part of a processor: the ledger says when to.
func (r *rig) stored(ctx context.Context, n int) error {
	if err := drained(n, func() (int, error) {
		have, _, err := ledger.Flushed(ctx, r.db, 0, nil)
		return int(have), err
	}); err != nil {
		return err
	}
	have, err := r.ask(ctx, "SELECT count(*) FROM events")
	if err == nil && have != n {
		err = fmt.Errorf("postgres has %d events, %d were acknowledged", have, n)
	}
	return err
}

// summed waits until the rollups have n events.
func (r *rig) summed(ctx context.Context, n int) error {
	return drained(n, func() (int, error) {
		return r.ask(ctx, "SELECT coalesce(sum(events), 0)::bigint FROM rollups")
	})
}

// drained waits until Postgres has n events, and fails if it gets no more for 10 s.
func drained(n int, count func() (int, error)) error {
	for last, since := -1, time.Now(); ; {
		have, err := count()
		switch {
		case err != nil:
			return err
		case have == n:
			return nil
		case have > n:
			return fmt.Errorf("postgres has %d events, %d were acknowledged", have, n)
		case have > last:
			last, since = have, time.Now()
		case time.Since(since) > 10*time.Second:
			return fmt.Errorf("postgres has %d events and gets no more, %d were acknowledged", have, n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// storePIDs are the process ids of Valkey and of Postgres' parent.
func (r *rig) storePIDs(ctx context.Context) (valkey, postgres int, err error) {
	valkey, err = r.valkeyFigure(ctx, "server", "process_id")
	var file string
	err = errors.Join(err, r.db.GetContext(ctx, &file, "SELECT pg_read_file('postmaster.pid')"))
	if err == nil {
		first, _, _ := strings.Cut(file, "\n")
		postgres, err = strconv.Atoi(first)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("find the processes of the stores: %w", err)
	}
	return valkey, postgres, nil
}

// valkeyFigure is a number of Valkey's INFO.
func (r *rig) valkeyFigure(ctx context.Context, section, name string) (int, error) {
	info, err := r.rdb.Info(ctx, section).Result()
	if err != nil {
		return 0, fmt.Errorf("ask Valkey: %w", err)
	}
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return strconv.Atoi(text)
		}
	}
	return 0, fmt.Errorf("ask Valkey: it does not tell %s", name)
}

// valkeyMemory is what Valkey's data take, without the buffers of its clients.
func (r *rig) valkeyMemory(ctx context.Context) (int, error) {
	return r.valkeyFigure(ctx, "memory", "used_memory_dataset")
}
