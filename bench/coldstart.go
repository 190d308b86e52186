package main

import (
	"context"
	"fmt"
	"time"
)

// coldStart measures from the start of `flagmeter ingest` to its first ready answer.
func coldStart(ctx context.Context, r *rig) error {
	if err := r.empty(ctx); err != nil {
		return err
	}
	var all []float64
	for range 9 {
		start := time.Now()
		p, err := r.role(ctx, "ingest")
		if err != nil {
			return err
		}
		err = p.ready(ctx)
		all = append(all, float64(time.Since(start)))
		p.stop()
		if err != nil {
			return err
		}
	}
	took := time.Duration(median(all))
	r.report.judge("cold start of ingest until it is ready", millis(took), "", "≤ 150 ms", took <= 150*time.Millisecond)
	return nil
}

// unflushed measures what an event costs Valkey's memory while Postgres has not got it.
func unflushed(ctx context.Context, r *rig) error {
	if err := r.empty(ctx); err != nil {
		return err
	}
	p, err := r.role(ctx, "ingest")
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.ready(ctx); err != nil {
		return err
	}
	if _, err := drive(ctx, load{addr: p.addr, connections: 16, next: post(1, 1), duration: turn / 4}); err != nil {
		return err
	}
	before, err := r.valkeyMemory(ctx)
	if err != nil {
		return err
	}
	o, err := drive(ctx, load{addr: p.addr, connections: 256, next: post(1, 1), duration: turn})
	if err != nil {
		return err
	}
	after, err := r.valkeyMemory(ctx)
	if err != nil {
		return err
	}
	each := (after - before) / o.requests
	r.report.judge("an event in Valkey that is not flushed", fmt.Sprintf("%d bytes", each), "", "≤ 110 bytes", each <= 110)
	return r.empty(ctx)
}

// valkeyMemory is what Valkey's data take, without the buffers of its clients.
func (r *rig) valkeyMemory(ctx context.Context) (int, error) {
	return r.valkeyFigure(ctx, "memory", "used_memory_dataset")
}
