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
	if err := r.empty(ctx); err != nil {
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
	events := load{f.ingest.addr, 16, post(1, 1), time.Second, 1000}
	if _, err := drive(ctx, events); err != nil { // so that there is something to read
		return err
	}

	l := load{connections: connections, next: get(usagePath(tenant)), duration: turn}
	var rates, shares []float64
	for range rounds {
		l.addr = ceiling.addr
		bare, err := drive(ctx, l)
		if err != nil {
			return err
		}
		l.addr = f.ingest.addr
		o, err := drive(ctx, l)
		if err != nil {
			return err
		}
		rates, shares = append(rates, o.perSecond()), append(shares, o.perSecond()/bare.perSecond())
	}
	share := median(shares)
	r.report.judge(fmt.Sprintf("GET /usage/:tenant, %d connections", connections), perSecond(median(rates)), percent(share)+" of an empty handler", "≥ 60 %", share >= 0.6)

	events.duration = 3 * turn
	writing := make(chan error, 1)
	go func() {
		_, err := drive(ctx, events)
		writing <- err
	}()
	o, err := drive(ctx, load{f.ingest.addr, 16, get(usagePath(tenant)), 2 * turn, 200})
	if err := <-writing; err != nil {
		return err
	}
	if err != nil {
		return err
	}
	p99 := o.quantile(0.99)
	r.report.judge("… 200/s beside 1,000 events/s: p99", millis(p99), "", "≤ 5 ms", p99 <= 5*time.Millisecond)
	return nil
}
