package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	ratePerSecond = 1000
	rateLasts     = 15 * time.Second
)

// rate measures 1,000 requests a second, each a single event.
func rate(ctx context.Context, r *rig) error {
	l := load{connections: 64, open: usual(1).open, duration: rateLasts / 2, perSecond: ratePerSecond}
	bare, err := r.rivalAtRate(ctx, "ceiling", l)
	if err != nil {
		return err
	}
	grouped, err := r.rivalAtRate(ctx, "group", l)
	if err != nil {
		return err
	}
	plain := l
	plain.open = usual(1).with(noIDs).of(1).open
	simple, err := r.atRate(ctx, plain)
	if err != nil {
		return err
	}
	l.duration = rateLasts
	all, err := r.atRate(ctx, l)
	if err != nil {
		return err
	}

	p99, barest, durable := all.quantile(0.99), bare.quantile(0.99), grouped.quantile(0.99)
	r.report.judge("1,000 requests/s with an id, of 200 tenants: p99",
		millis(p99)+answersIn(all.quantile(0.5))+all.short(),
		fmt.Sprintf("%s that of an empty handler (%s), %s that of one that only waits for the disk (%s)",
			times(float64(p99)/float64(barest)), millis(barest),
			times(float64(p99)/float64(durable)), millis(durable)),
		"≤ 5 ms", p99 <= 5*time.Millisecond && all.short() == "").driven(all.shares)
	core, each := total(all.cpu)
	r.report.judge("… processor time of all roles and both stores", percent(core)+" of a core",
		each, "≤ 40 %", core <= 0.4 && all.short() == "")
	core, each = total(simple.cpu)
	r.report.show("… without ids, of one tenant: p99",
		millis(simple.quantile(0.99))+", "+percent(core)+" of a core"+simple.short(),
		each).driven(simple.shares)
	r.report.judge("… memory of the largest role", mebibytes(all.largest), "",
		"≤ 40 MiB", all.largest <= 40<<20)
	memory := 0
	for _, pss := range all.pss {
		memory += pss
	}
	r.report.judge("… memory of everything, stores included", mebibytes(memory), "",
		"≤ 350 MiB", memory <= 350<<20)
	return nil
}

// paced is what came of a load at a fixed rate.
type paced struct {
	outcome
	cpu     map[string]float64 // of a core, by process
	pss     map[string]int     // by process
	largest int                // resident memory of the largest role
}

// short says how many requests a second there were if not all that were due found a connection:
// then the processor time is that of fewer.
func (p paced) short() string {
	if reached := p.perSecond(); reached < 0.99*ratePerSecond {
		return ", only " + perSecond(reached)
	}
	return ""
}

// atRate drives FlagMeter on empty stores, after a second to warm up.
func (r *rig) atRate(ctx context.Context, l load) (p paced, err error) {
	if err := r.empty(ctx, customers); err != nil {
		return p, err
	}
	f, err := r.flagmeter(ctx)
	if err != nil {
		return p, err
	}
	defer f.stop()
	warm := l
	warm.duration = time.Second
	if _, err := f.ingest.drive(ctx, warm); err != nil {
		return p, err
	}
	pids, err := r.pids(ctx, f)
	if err != nil {
		return p, err
	}
	before, err := usedEach(pids)
	if err != nil {
		return p, err
	}
	if p.outcome, err = f.ingest.drive(ctx, l); err != nil {
		return p, err
	}
	if p.cpu, p.pss, err = since(pids, before, p.elapsed); err != nil {
		return p, err
	}
	for _, role := range []*process{f.ingest, f.flusher, f.alerter} {
		u, err := used(role.pid())
		if err != nil {
			return p, err
		}
		p.largest = max(p.largest, u.rss)
	}
	return p, nil
}

// rivalAtRate drives a rival.
func (r *rig) rivalAtRate(ctx context.Context, name string, l load) (outcome, error) {
	rival, err := r.rival(ctx, name)
	if err != nil {
		return outcome{}, err
	}
	defer rival.stop()
	return rival.drive(ctx, l)
}

// total adds up shares of a core, and lists them.
func total(cpu map[string]float64) (sum float64, each string) {
	var all []string
	for _, name := range processes {
		sum += cpu[name]
		all = append(all, name+" "+percent(cpu[name]))
	}
	return sum, strings.Join(all, ", ")
}
