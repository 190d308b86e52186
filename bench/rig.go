package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/stack"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
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

// silence of Postgres is long while it writes a year of rollups.
const silence = 5 * time.Minute

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
	if r.rdb, err = valkey.Connect(r.stack.ValkeyURL); err != nil {
		return err
	}
	if _, err := schema.Migrate(ctx, r.db); err != nil {
		return err
	}
	if err := r.exec(ctx, "INSERT INTO tenants (name, monthly_quota) VALUES ($1, 1000000000000)",
		tenant); err != nil {
		return err
	}
	return r.exec(ctx, rivalTables)
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
