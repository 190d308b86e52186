package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/stack"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// rig is what all parts share: the stores, the program to measure, and the table.
type rig struct {
	binary string
	stack  *stack.Stack
	db     *sqlx.DB
	rdb    redis.UniversalClient
	report *report
	procs  []*process // that still run
}

const (
	// tenant is whom nearly all events are about; features are how many it uses.
	tenant   = "acme-corp"
	features = 10

	silence = 5 * time.Minute // of Postgres, while it writes a year of rollups
)

// newRig starts the stores, with every acknowledged write on disk, and one tenant.
func newRig(ctx context.Context, binary string) (*rig, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("find the program (run make build): %w", err)
	}
	s, err := stack.Start(ctx, stack.Options{Valkey: true, Postgres: true})
	if err != nil {
		return nil, fmt.Errorf("start the stores: %w", err)
	}
	r := &rig{binary: binary, stack: s, report: newReport()}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) prepare(ctx context.Context) (err error) {
	if r.db, err = store.Open(r.stack.DatabaseURL, 16, silence); err != nil {
		return err
	}
	if r.rdb, err = scripts.Connect(r.stack.ValkeyURL); err != nil {
		return err
	}
	if _, err := schema.Migrate(ctx, r.db); err != nil {
		return err
	}
	return r.exec(ctx, "INSERT INTO tenants (name, monthly_quota) VALUES ($1, 1000000000000)", tenant)
}

func (r *rig) close() error {
	for len(r.procs) > 0 {
		r.procs[0].stop()
	}
	var errs []error
	if r.rdb != nil {
		errs = append(errs, r.rdb.Close())
	}
	if r.db != nil {
		errs = append(errs, r.db.Close())
	}
	return errors.Join(append(errs, r.stack.Stop())...)
}

func (r *rig) exec(ctx context.Context, query string, args ...any) error {
	if _, err := r.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("%.40s: %w", query, err)
	}
	return nil
}

// empty forgets all events and all that was made of them, and the tenants but one. Nothing
// may use the stores meanwhile.
func (r *rig) empty(ctx context.Context) error {
	if err := r.rdb.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("empty Valkey: %w", err)
	}
	if err := r.exec(ctx, "TRUNCATE events, rollups, usage_daily, flushes, alerts, deliveries, delivery_attempts, dead_events"); err != nil {
		return err
	}
	// Tenants are kept by triggers, which are off in this role.
	if err := r.exec(ctx, `BEGIN; SET LOCAL session_replication_role = replica;
		DELETE FROM tenant_names WHERE tenant <> '`+tenant+`'; DELETE FROM tenants WHERE name <> '`+tenant+`';
		UPDATE tenants_version SET version = version + 1; COMMIT`); err != nil {
		return err
	}
	return r.exec(ctx, "CHECKPOINT") // or its work falls into somebody's turn
}

// fsync sets when Valkey writes to disk: always or everysec.
func (r *rig) fsync(ctx context.Context, policy string) error {
	if err := r.rdb.ConfigSet(ctx, "appendfsync", policy).Err(); err != nil {
		return fmt.Errorf("set appendfsync: %w", err)
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

// What Postgres has of the events.
const (
	inEvents  = "SELECT count(*) FROM events"
	inRollups = "SELECT coalesce(sum(events), 0)::bigint FROM rollups"
)

// drained waits until a query says n, and fails if it says no more than before for 10 s.
func (r *rig) drained(ctx context.Context, query string, n int) error {
	for last, since := -1, time.Now(); ; {
		have, err := r.ask(ctx, query)
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

// post makes a request to POST /events with the given number of events of tenants drawn
// from the given number: acme-corp alone if that is 1.
func post(events, tenants int) request { return postAt(events, tenants, func() string { return "" }) }

// postLate is post with events of the minute before: the flusher adds them to rollups at
// its next turn, and not when a minute is over.
func postLate(events, tenants int) request {
	return postAt(events, tenants, func() string {
		return `,"timestamp":"` + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339) + `"`
	})
}

func postAt(events, tenants int, more func() string) request {
	return func(chance *rand.Rand) []byte {
		var body strings.Builder
		if events > 1 {
			body.WriteByte('[')
		}
		for i := range events {
			if i > 0 {
				body.WriteByte(',')
			}
			name := tenant
			if tenants > 1 {
				name = fmt.Sprintf("customer-%d", chance.IntN(tenants))
			}
			fmt.Fprintf(&body, `{"tenant":%q,"feature":"feature-%d","tokens":%d%s}`, name, chance.IntN(features), 1+chance.IntN(4000), more())
		}
		if events > 1 {
			body.WriteByte(']')
		}
		return fmt.Appendf(nil, "POST /events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", body.Len(), body.String())
	}
}

// get makes a GET request.
func get(path string) request {
	text := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path)
	return func(*rand.Rand) []byte { return text }
}

// usagePath is where the usage of a tenant is.
func usagePath(name string) string { return "/usage/" + url.PathEscape(name) }
