package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// manyTenants measures what an event costs all processes together until it is in rollups,
// with 10 and with 10,000 tenants of 5 features each.
func manyTenants(ctx context.Context, r *rig) error {
	var few, many []float64
	for range rounds {
		for _, n := range []int{10, 10_000} {
			cost, err := r.costOfEvent(ctx, n)
			if err != nil {
				return fmt.Errorf("with %d tenants: %w", n, err)
			}
			if n == 10 {
				few = append(few, cost)
			} else {
				many = append(many, cost)
			}
		}
	}
	growth := median(many) / median(few)
	r.report.judge("processor time of an event, 10 to 10,000 tenants",
		fmt.Sprintf("%.0f to %.0f µs", median(few), median(many)), times(growth),
		"≤ 1.5 ×", growth <= 1.5)
	return nil
}

// costOfEvent is the processor time, in microseconds, that the roles and the stores spend on
// an event until it is in rollups, at 2,000 events a second.
func (r *rig) costOfEvent(ctx context.Context, tenants int) (float64, error) {
	if err := r.empty(ctx, tenants); err != nil {
		return 0, err
	}
	f, err := r.flagmeter(ctx)
	if err != nil {
		return 0, err
	}
	defer f.stop()
	valkey, postgres, err := r.storePIDs(ctx)
	if err != nil {
		return 0, err
	}
	pids := []int{f.ingest.pid(), f.flusher.pid(), f.alerter.pid(), valkey, postgres}
	l := load{connections: 64, open: usual(1).of(tenants).over().open,
		duration: turn, perSecond: 2000}
	warm, err := f.ingest.drive(ctx, l)
	if err != nil {
		return 0, err
	}
	before, err := used(pids...)
	if err != nil {
		return 0, err
	}
	o, err := f.ingest.drive(ctx, l)
	if err != nil {
		return 0, err
	}
	if err := r.summed(ctx, warm.requests+o.requests); err != nil {
		return 0, err
	}
	after, err := used(pids...)
	if err != nil {
		return 0, err
	}
	return float64((after.cpu - before.cpu).Microseconds()) / float64(o.requests), nil
}

// yearOfRollups measures readers on an empty database and on one with a year of rollups of
// 20 tenants, 10.5 million rows.
func yearOfRollups(ctx context.Context, r *rig) error {
	const tenants = 20
	if err := r.empty(ctx, tenants); err != nil {
		return err
	}
	paths := []string{usagePath(customer(1)), "/tenants?limit=10000"}
	empty, err := r.readTimes(ctx, paths)
	if err != nil {
		return err
	}
	if err := r.fillYear(ctx); err != nil {
		return err
	}
	full, err := r.readTimes(ctx, paths)
	if err != nil {
		return err
	}
	n, err := r.ask(ctx, "SELECT count(*) FROM rollups")
	if err != nil {
		return err
	}
	for i, path := range []string{"/usage/:tenant", "/tenants"} {
		growth := float64(full[i]) / float64(empty[i])
		r.report.judge("GET "+path+", with "+thousands(n)+" rollups",
			millis(empty[i])+" to "+millis(full[i]), times(growth)+" that of an empty database",
			"≤ 2 ×", growth <= 2)
	}
	return r.empty(ctx, customers)
}

// fillYear writes a rollup for each tenant and minute of a year, and the days they add up
// to. The index is made afterwards and the foreign key is not checked: that takes a third
// of the time.
func (r *rig) fillYear(ctx context.Context) error {
	tx, err := r.db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{
		"SET LOCAL maintenance_work_mem = '512MB'",
		"ALTER TABLE rollups DISABLE TRIGGER ALL",
		"ALTER TABLE rollups DROP CONSTRAINT rollups_pkey",
		`INSERT INTO rollups (tenant, feature, minute, total_tokens, events)
			SELECT name, 'chat', minute, 1500, 1
			FROM (SELECT name FROM tenants WHERE name LIKE 'customer-%' ORDER BY name) AS t,
				generate_series(date_trunc('day', now()) - interval '364 days',
					date_trunc('day', now()) + interval '1439 minutes', interval '1 minute') AS minute`,
		"ALTER TABLE rollups ADD PRIMARY KEY (tenant, feature, minute)",
		"ALTER TABLE rollups ENABLE TRIGGER ALL",
		`INSERT INTO usage_daily (tenant, day, feature, total_tokens, events)
			SELECT name, current_date - age, 'chat', 1440 * 1500, 1440
			FROM tenants, generate_series(0, 364) AS age WHERE name LIKE 'customer-%'`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.40s: %w", statement, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return r.exec(ctx, "CHECKPOINT")
}

// readTimes are the median times of a GET of each path, from an ingest of its own.
func (r *rig) readTimes(ctx context.Context, paths []string) ([]time.Duration, error) {
	p, err := r.role(ctx, "ingest")
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	var medians []time.Duration
	for _, path := range paths {
		var all []float64
		for range 400 {
			start := time.Now()
			if err := fetch(ctx, "http://"+p.addr+path); err != nil {
				return nil, err
			}
			all = append(all, float64(time.Since(start)))
		}
		medians = append(medians, time.Duration(median(all)))
	}
	return medians, nil
}

// fetch gets a page of any length.
func fetch(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return fmt.Errorf("get %s: %w", url, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s", url, res.Status)
	}
	return nil
}
