package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// batches measures requests of 1,000 events: how many are acknowledged per second, how
// many reach Postgres while that goes on, and the same rows as a bare COPY.
func batches(ctx context.Context, r *rig) error {
	const size, connections = 1000, 8
	const lasts = 5 * time.Second
	if err := r.empty(ctx); err != nil {
		return err
	}
	f, err := r.flagmeter(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	o, err := drive(ctx, load{addr: f.ingest.addr, connections: connections, next: bodies(size), duration: lasts})
	if err == nil {
		err = r.drained(ctx, inEvents, size*o.requests)
	}
	took := time.Since(start)
	f.stop()
	if err != nil {
		return err
	}
	stored := float64(size*o.requests) / took.Seconds()
	bare, err := r.bareCopy(ctx)
	if err != nil {
		return err
	}
	acked := size * o.perSecond()
	r.report.judge("batches of 1,000 events, acknowledged", perSecond(acked), "", "≥ 400,000/s", acked >= 400_000)
	r.report.judge("… in Postgres, counted to the end", perSecond(stored), percent(stored/bare)+" of a bare COPY of the same rows ("+perSecond(bare)+")",
		"≥ 220,000/s and ≥ 70 %", stored >= 220_000 && stored >= 0.7*bare)
	return nil
}

// bodies makes requests of n events that are composed beforehand: writing a body of 1,000
// events takes the client as long as the server needs to read it.
func bodies(n int) request {
	const prepared = 16
	compose, chance := post(n, 1), rand.New(rand.NewPCG(1, 1))
	var all [prepared][]byte
	for i := range all {
		all[i] = compose(chance)
	}
	return func(chance *rand.Rand) []byte { return all[chance.IntN(prepared)] }
}

// bareCopy copies the rows that events has into a table like it, as text that was made
// beforehand, and returns how many per second went in.
func (r *rig) bareCopy(ctx context.Context) (float64, error) {
	var lines []string
	err := r.db.SelectContext(ctx, &lines, "SELECT "+record.Text+" FROM events")
	if err != nil {
		return 0, fmt.Errorf("read events: %w", err)
	}
	if err := r.empty(ctx); err != nil {
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
