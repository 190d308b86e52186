package main

import (
	"context"
	"fmt"
)

// unflushed measures what an event costs Valkey's memory while Postgres has not got it.
func unflushed(ctx context.Context, r *rig) error {
	each, err := r.bytesEach(ctx, usual(1))
	if err != nil {
		return err
	}
	plain, err := r.bytesEach(ctx, usual(1).with(noIDs).of(1))
	if err != nil {
		return err
	}
	r.report.show("an event in Valkey that is not flushed, with what is remembered of its id",
		fmt.Sprintf("%d bytes", each), "")
	r.report.judge("… without an id, of one tenant", fmt.Sprintf("%d bytes", plain), "",
		"≤ 110 bytes", plain <= 110)
	return r.empty(ctx, customers)
}

// bytesEach is what an event of a workload costs.
func (r *rig) bytesEach(ctx context.Context, w workload) (int, error) {
	if err := r.empty(ctx, customers); err != nil {
		return 0, err
	}
	p, err := r.role(ctx, "ingest")
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if err := p.ready(ctx); err != nil {
		return 0, err
	}
	if _, err := p.drive(ctx, load{connections: 16, open: w.open, duration: turn / 4}); err != nil {
		return 0, err
	}
	before, err := r.valkeyMemory(ctx)
	if err != nil {
		return 0, err
	}
	o, err := p.drive(ctx, load{connections: 256, open: w.open, duration: turn})
	if err != nil {
		return 0, err
	}
	after, err := r.valkeyMemory(ctx)
	return (after - before) / o.requests, err
}
