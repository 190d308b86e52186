package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// intoPostgres measures how many events per second reach Postgres, from the first request to
// the last row, and in turns with that the same rows as a bare COPY.
func intoPostgres(ctx context.Context, r *rig) error {
	plain, _, err := r.pipeline(ctx, usual(batchSize).with(noIDs))
	if err != nil {
		return err
	}
	var stored, bare, shares []float64
	var last outcome
	for range rounds {
		ours, o, err := r.pipeline(ctx, usual(batchSize))
		if err != nil {
			return err
		}
		theirs, err := r.bareCopy(ctx)
		if err != nil {
			return err
		}
		stored, bare, shares = append(stored, ours), append(bare, theirs), append(shares, ours/theirs)
		last = o
	}
	share := median(shares)
	r.report.judge("batches of 1,000 events with ids, in Postgres, counted to the end",
		perSecond(median(stored)), fmt.Sprintf("%s of a bare COPY of the same rows (%s)",
			percent(share), perSecond(median(bare))), "≥ 75 %", share >= 0.75).driven(last.shares)
	r.report.show("… without ids, in one turn", perSecond(plain), "")
	return nil
}

// pipeline is how many events per second of a workload go through FlagMeter into Postgres.
func (r *rig) pipeline(ctx context.Context, w workload) (float64, outcome, error) {
	if err := r.empty(ctx, customers); err != nil {
		return 0, outcome{}, err
	}
	f, err := r.flagmeter(ctx)
	if err != nil {
		return 0, outcome{}, err
	}
	defer f.stop()
	// Longer than a turn: what waits for the flusher's next second must weigh little.
	l := load{connections: batchConnections, open: w.open, duration: 3 * turn / 2}
	o, err := f.ingest.drive(ctx, l)
	if err != nil {
		return 0, outcome{}, err
	}
	n, began := w.events*o.requests, time.Now()
	if err := r.stored(ctx, n); err != nil {
		return 0, outcome{}, err
	}
	return float64(n) / (o.elapsed + time.Since(began)).Seconds(), o, nil
}

// bareCopy copies the rows that events has into the same table after it was emptied, with
// its partitions and indexes, and returns how many per second went in. The text is made
// beforehand, in the order in which the rows came: that of their ids. The processes of
// FlagMeter do not run.
func (r *rig) bareCopy(ctx context.Context) (float64, error) {
	var lines []string
	err := r.db.SelectContext(ctx, &lines, "SELECT "+record.Text+" FROM events ORDER BY id")
	if err != nil {
		return 0, fmt.Errorf("read events: %w", err)
	}
	if err := r.empty(ctx, customers); err != nil {
		return 0, err
	}
	conn, err := r.db.Connx(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	text := strings.Join(lines, "\n")
	start := time.Now()
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := store.CopyText(ctx, conn, record.CopyInto("events"), text); err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return float64(len(lines)) / time.Since(start).Seconds(), nil
}
