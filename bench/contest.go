package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	turn   = 2 * time.Second // of one contender
	rounds = 3               // in which each contender has a turn
)

// ours is the name of the contender that is measured; others that run the same processes
// have another name and workload.
const ours = "flagmeter"

// contender is what takes turns with others.
type contender struct {
	name   string
	serves string // ours, or a rival
	work   workload
}

// contest gives each contender a turn per round, in every second one in reverse: none gains
// from a machine that slows down.
type contest struct {
	connections, rounds int
	contenders          []contender
}

// standing is what a contender reached, as medians of its turns.
type standing struct {
	acked  float64            // requests answered per second
	stored float64            // events in Postgres per second: of ours and queue
	answer time.Duration      // median time of an answer
	ratio  map[string]float64 // of acked to that of each other contender, in the same round
	shares shares
}

// contested is what came of one turn.
type contested struct {
	outcome
	stored float64
}

func (r *rig) contest(ctx context.Context, c contest) (map[string]standing, error) {
	turns := map[string][]contested{}
	for round := range c.rounds {
		order := slices.Clone(c.contenders)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, who := range order {
			t, err := r.turn(ctx, who, c.connections)
			if err != nil {
				return nil, fmt.Errorf("%s with %d connections: %w", who.name, c.connections, err)
			}
			turns[who.name] = append(turns[who.name], t)
		}
	}
	all := map[string]standing{}
	for name, own := range turns {
		s := standing{
			acked:  medianOf(own, func(t contested) float64 { return t.perSecond() }),
			stored: medianOf(own, func(t contested) float64 { return t.stored }),
			answer: time.Duration(medianOf(own, func(t contested) float64 {
				return float64(t.quantile(0.5))
			})),
			shares: shares{
				client: medianOf(own, func(t contested) float64 { return t.shares.client }),
				server: medianOf(own, func(t contested) float64 { return t.shares.server }),
			},
			ratio: map[string]float64{},
		}
		for other, theirs := range turns {
			var ratios []float64
			for i := range own {
				ratios = append(ratios, own[i].perSecond()/theirs[i].perSecond())
			}
			s.ratio[other] = median(ratios)
		}
		all[name] = s
	}
	return all, nil
}

// turn runs one contender on empty stores. Single calls of the script are flushed like
// FlagMeter's own, by the same flusher. The turn of FlagMeter with one event a request ends
// when Postgres has all; the queue's worker is given no time beyond the turn, for it would
// need minutes.
func (r *rig) turn(ctx context.Context, who contender, connections int) (t contested, err error) {
	if err := r.empty(ctx, customers); err != nil {
		return t, err
	}
	var target *process
	if who.serves == ours {
		f, err := r.flagmeter(ctx)
		if err != nil {
			return t, err
		}
		defer f.stop()
		target = f.ingest
	} else {
		if target, err = r.rival(ctx, who.serves); err != nil {
			return t, err
		}
		defer target.stop()
	}
	if who.serves == "single" {
		f, err := r.role(ctx, "flusher")
		if err != nil {
			return t, err
		}
		defer f.stop()
	}
	l := load{connections: connections, open: who.work.open, duration: turn / 4}
	warm, err := target.drive(ctx, l)
	if err != nil {
		return t, err
	}
	l.duration = turn
	if t.outcome, err = target.drive(ctx, l); err != nil {
		return t, err
	}
	n, ended := warm.requests+t.requests, time.Now()
	switch {
	case who.work.events > 1: // intoPostgres waits for those
		return t, nil
	case who.name == ours:
		err = r.stored(ctx, n)
	case who.serves == "queue":
		n, err = r.ask(ctx, inRivalEvents)
	default:
		return t, nil
	}
	// What the warm-up left behind is in Postgres with what came after.
	t.stored = float64(n) / (warm.elapsed + t.elapsed + time.Since(ended)).Seconds()
	return t, err
}
