package main

import (
	"context"
	"fmt"
	"time"
)

const (
	turn   = 2 * time.Second // of one contender
	rounds = 3               // in which each contender has a turn
)

// singles measures one event a request at 256 and 64 connections, with appendfsync always.
func singles(ctx context.Context, r *rig) error {
	names := []string{"ceiling", "flagmeter", "group", "single", "queue", "insert"}
	got, err := r.contest(ctx, 256, rounds, names)
	if err != nil {
		return err
	}
	r.report.show("empty handler, 256 connections", perSecond(got["ceiling"].acked), "")
	ours := got["flagmeter"]
	share := ours.ratio["ceiling"]
	r.report.judge("POST /events, 256 connections, flush running", perSecond(ours.acked), percent(share)+" of an empty handler", "≥ 75 %", share >= 0.75)
	r.report.show("… against a handler that groups requests for one RPUSH, and does nothing else", perSecond(got["group"].acked), bound(got))
	r.report.judge("… against one call of the script per event", perSecond(got["single"].acked), times(ours.ratio["single"])+" as fast", "≥ 2.5 ×", ours.ratio["single"] >= 2.5)
	stored := ours.stored / got["queue"].stored
	r.report.judge("… against LPUSH and a worker, events in Postgres", perSecond(ours.stored)+" to "+perSecond(got["queue"].stored), times(stored)+" as fast", "≥ 4 ×", stored >= 4)
	r.report.show("… against INSERT and upsert per request", perSecond(got["insert"].acked), times(ours.ratio["insert"])+" as fast")

	got, err = r.contest(ctx, 64, rounds, names[:3])
	if err != nil {
		return err
	}
	share = got["flagmeter"].ratio["ceiling"]
	r.report.judge("POST /events, 64 connections", perSecond(got["flagmeter"].acked), percent(share)+" of an empty handler", "≥ 55 %", share >= 0.55)
	r.report.show("… against a handler that groups requests for one RPUSH, and does nothing else", perSecond(got["group"].acked), bound(got))
	return nil
}

// bound says how near FlagMeter comes to the fastest durable answer that net/http can give.
func bound(got map[string]standing) string {
	return fmt.Sprintf("that is %s of an empty handler; FlagMeter reaches %s of it", percent(got["group"].ratio["ceiling"]), percent(got["flagmeter"].ratio["group"]))
}

// everysec measures the same once more with appendfsync everysec.
func everysec(ctx context.Context, r *rig) error {
	if err := r.fsync(ctx, "everysec"); err != nil {
		return err
	}
	got, err := r.contest(ctx, 256, 1, []string{"ceiling", "flagmeter", "single", "queue", "insert"})
	if err != nil {
		return err
	}
	ours := got["flagmeter"]
	r.report.show("with appendfsync everysec, 256 connections", perSecond(ours.acked), fmt.Sprintf("%s of an empty handler, %s the single calls, %s LPUSH, %s INSERT",
		percent(ours.ratio["ceiling"]), times(ours.ratio["single"]), times(ours.ratio["queue"]), times(ours.ratio["insert"])))
	return r.fsync(ctx, "always")
}

// standing is what a contender reached.
type standing struct {
	acked  float64            // requests answered per second
	stored float64            // events in Postgres per second, counted to the end
	ratio  map[string]float64 // of acked to that of each other contender, in neighbouring turns
}

// contest gives each contender a turn per round.
func (r *rig) contest(ctx context.Context, connections, rounds int, names []string) (map[string]standing, error) {
	acked, stored := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		for _, name := range names {
			a, s, err := r.turn(ctx, name, connections)
			if err != nil {
				return nil, fmt.Errorf("%s with %d connections: %w", name, connections, err)
			}
			acked[name], stored[name] = append(acked[name], a), append(stored[name], s)
		}
	}
	all := map[string]standing{}
	for _, name := range names {
		s := standing{acked: median(acked[name]), stored: median(stored[name]), ratio: map[string]float64{}}
		for _, other := range names {
			var ratios []float64
			for i := range acked[name] {
				ratios = append(ratios, acked[name][i]/acked[other][i])
			}
			s.ratio[other] = median(ratios)
		}
		all[name] = s
	}
	return all, nil
}

// turn runs one contender on empty stores. Single calls of the script are flushed like
// FlagMeter's own, by the same flusher; the queue's worker is given no time beyond the turn,
// for it would need minutes.
func (r *rig) turn(ctx context.Context, name string, connections int) (acked, stored float64, err error) {
	if err := r.empty(ctx); err != nil {
		return 0, 0, err
	}
	var target *process
	flushed := name == "flagmeter" || name == "single"
	if name == "flagmeter" {
		f, err := r.flagmeter(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer f.stop()
		target = f.ingest
	} else {
		if target, err = r.rival(ctx, name); err != nil {
			return 0, 0, err
		}
		defer target.stop()
	}
	if name == "single" {
		f, err := r.role(ctx, "flusher")
		if err != nil {
			return 0, 0, err
		}
		defer f.stop()
	}
	warmUp := load{addr: target.addr, connections: connections, next: post(1, 1), duration: turn / 4}
	warm, err := drive(ctx, warmUp)
	if err != nil {
		return 0, 0, err
	}
	l := warmUp
	l.duration = turn
	start := time.Now()
	o, err := drive(ctx, l)
	if err != nil {
		return 0, 0, err
	}
	if flushed {
		if err := r.drained(ctx, inEvents, warm.requests+o.requests); err != nil {
			return 0, 0, err
		}
	}
	n, err := r.ask(ctx, inEvents)
	if err != nil {
		return 0, 0, err
	}
	// What the warm-up left behind is in Postgres with what came after.
	return o.perSecond(), float64(n) / (time.Since(start) + warm.elapsed).Seconds(), nil
}
