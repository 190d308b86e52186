package main

import (
	"context"
	"time"
)

// coldStart measures from the start of `flagmeter ingest` to its first ready answer.
func coldStart(ctx context.Context, r *rig) error {
	if err := r.empty(ctx, customers); err != nil {
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
	r.report.judge("cold start of ingest until it is ready", millis(took), "",
		"≤ 150 ms", took <= 150*time.Millisecond)
	return nil
}
