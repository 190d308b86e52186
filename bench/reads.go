package main

import (
	"context"
	"fmt"
	"time"
)

// reads measures GET /usage/:tenant: alone against an empty handler, and beside 1,000
// events a second.
func reads(ctx context.Context, r *rig) error {
	const connections = 64
	if err := r.empty(ctx, customers); err != nil {
		return err
	}
	ceiling, err := r.rival(ctx, "ceiling")
	if err != nil {
		return err
	}
	defer ceiling.stop()
	f, err := r.flagmeter(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	events := load{connections: 16, open: usual(1).open,
		duration: time.Second, perSecond: 1000}
	if _, err := f.ingest.drive(ctx, events); err != nil { // so that there is something to read
		return err
	}

	read := get(usagePath(customer(7)))
	l := load{connections: connections, open: read, duration: turn}
	var rates, ratios []float64
	var last outcome
	for range rounds {
		bare, err := ceiling.drive(ctx, l)
		if err != nil {
			return err
		}
		o, err := f.ingest.drive(ctx, l)
		if err != nil {
			return err
		}
		rates = append(rates, o.perSecond())
		ratios = append(ratios, o.perSecond()/bare.perSecond())
		last = o
	}
	share := median(ratios)
	r.report.judge(fmt.Sprintf("GET /usage/:tenant, %d connections", connections),
		perSecond(median(rates)), percent(share)+" of an empty handler",
		"≥ 60 %", share >= 0.6).driven(last.shares)

	events.duration = 3 * turn
	writing := make(chan error, 1)
	go func() {
		_, err := f.ingest.drive(ctx, events)
		writing <- err
	}()
	o, err := f.ingest.drive(ctx, load{connections: 16, open: read,
		duration: 2 * turn, perSecond: 200})
	if err := <-writing; err != nil {
		return err
	}
	if err != nil {
		return err
	}
	p99 := o.quantile(0.99)
	r.report.judge("… 200/s beside 1,000 events/s: p99", millis(p99), "",
		"≤ 5 ms", p99 <= 5*time.Millisecond).driven(o.shares)
	return nil
}
