package main

import (
	"context"
	"time"
)

// rate measures 1,000 requests a second, each a single event.
func rate(ctx context.Context, r *rig) error {
	const perSecond, connections = 1000, 64
	const lasts = 15 * time.Second
	if err := r.empty(ctx); err != nil {
		return err
	}
	bare, err := r.atRate(ctx, "ceiling", load{"", connections, post(1, 1), lasts / 2, perSecond})
	if err != nil {
		return err
	}
	grouped, err := r.atRate(ctx, "group", load{"", connections, post(1, 1), lasts / 2, perSecond})
	if err != nil {
		return err
	}

	f, err := r.flagmeter(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	l := load{f.ingest.addr, connections, post(1, 1), time.Second, perSecond}
	if _, err := drive(ctx, l); err != nil { // warms up
		return err
	}
	l.duration = lasts
	valkey, postgres, err := r.storePIDs(ctx)
	if err != nil {
		return err
	}
	whole := []int{f.ingest.pid(), f.flusher.pid(), f.alerter.pid(), valkey, postgres}
	before, err := used(whole...)
	if err != nil {
		return err
	}
	o, err := drive(ctx, l)
	if err != nil {
		return err
	}
	after, err := used(whole...)
	if err != nil {
		return err
	}

	p99, barest, durable := o.quantile(0.99), bare.quantile(0.99), grouped.quantile(0.99)
	r.report.judge("1,000 requests/s: p99", millis(p99), times(float64(p99)/float64(barest))+" that of an empty handler ("+millis(barest)+"), "+times(float64(p99)/float64(durable))+" that of one that only waits for the disk ("+millis(durable)+")",
		"≤ 5 ms and ≤ 5 ×", p99 <= 5*time.Millisecond && p99 <= 5*barest)
	core := (after.cpu - before.cpu).Seconds() / o.elapsed.Seconds()
	r.report.judge("… processor time of all roles and both stores", percent(core)+" of a core", "", "≤ 60 %", core <= 0.6)
	return r.memory(f, whole, after.pss)
}

// atRate drives a rival.
func (r *rig) atRate(ctx context.Context, name string, l load) (outcome, error) {
	rival, err := r.rival(ctx, name)
	if err != nil {
		return outcome{}, err
	}
	defer rival.stop()
	l.addr = rival.addr
	return drive(ctx, l)
}

// memory judges the resident memory of the roles and of everything together.
func (r *rig) memory(f flagmeter, whole []int, all int) error {
	most := 0
	for _, p := range []*process{f.ingest, f.flusher, f.alerter} {
		u, err := used(p.pid())
		if err != nil {
			return err
		}
		most = max(most, u.rss)
	}
	r.report.judge("… memory of the largest role", mebibytes(most), "", "≤ 40 MiB", most <= 40<<20)
	r.report.judge("… memory of everything, stores included", mebibytes(all), "", "≤ 350 MiB", all <= 350<<20)
	return nil
}
