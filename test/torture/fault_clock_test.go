package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// clockStep sets a clock ahead or back.
type clockStep struct {
	name string
	step func(now time.Time) time.Duration
}

// beforeMidnight is how long before the end of a month a clock is set: it then passes
// the end by itself, and passes it again when it is set right.
const beforeMidnight = 2 * time.Second

// firstOf is the beginning of the month that is so many months later than that of t.
func firstOf(t time.Time, later int) time.Time {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month+time.Month(later), 1, 0, 0, 0, 0, time.UTC)
}

var clockSteps = []clockStep{
	{"ahead", func(time.Time) time.Duration { return time.Hour }},
	{"behind", func(time.Time) time.Duration { return -time.Hour }},
	{"into-next-month", func(now time.Time) time.Duration {
		return firstOf(now, 1).Add(-beforeMidnight).Sub(now)
	}},
	{"into-last-month", func(now time.Time) time.Duration {
		return firstOf(now, 0).Add(-beforeMidnight).Sub(now)
	}},
}

// clockFaults set the clock of one ingest, one flusher, the alerter, or all processes. Those
// of the stores stay: what theirs mean is said in docs/RELIABILITY.md. The alerter keeps
// Postgres: a message that it cannot record while its clock is ahead waits for that time.
func clockFaults() []fault {
	var faults []fault
	for _, s := range clockSteps {
		for _, who := range []struct {
			name    string
			touches []string
			pick    func(*rig, *rand.Rand) []*process
		}{
			{"ingest", []string{ingest}, func(r *rig, random *rand.Rand) []*process {
				return r.ingests[random.IntN(2):][:1]
			}},
			{"flusher", []string{flusher}, func(r *rig, random *rand.Rand) []*process {
				return r.flushers[random.IntN(2):][:1]
			}},
			{"alerter", []string{alerts, postgres, back}, func(r *rig, _ *rand.Rand) []*process {
				return []*process{r.alerter}
			}},
			{"all", []string{ingest, flusher, alerts, postgres, back},
				func(r *rig, _ *rand.Rand) []*process {
					return r.processes()
				}},
		} {
			faults = append(faults, fault{name: "clock-" + who.name + "-" + s.name, touches: who.touches,
				inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
					whose := who.pick(r, random)
					compared := func() error { return nil }
					if slices.Contains(whose, r.alerter) {
						compared = func() error { return r.awaitComparison(ctx) }
					}
					if err := compared(); err != nil { // some alerts are open now
						return err
					}
					err := r.stepClocks(ctx, whose, s.step, func() error {
						pause(ctx, random, 2*beforeMidnight, 2*beforeMidnight+time.Second)
						return compared()
					})
					if err != nil {
						return err
					}
					return compared() // a clock that is set right is a clock that is set
				}})
		}
	}
	return append(faults, fault{name: "clock-flusher-ahead-of-old-views",
		touches: []string{flusher, ingest, valkey, postgres, front, back}, inject: outdate})
}

// outdate sets the clocks of the flushers ahead once more while ingests have not heard of
// Postgres for some seconds. They need batches that are settled meanwhile: only time that
// has really elapsed may end a batch's grace.
func outdate(ctx context.Context, r *rig, _ *rand.Rand) error {
	// An hour ahead all minutes are over, and every flush settles sums.
	return r.stepClocks(ctx, r.flushers, clockSteps[0].step, func() error {
		if err := r.front.postgres.harm(silence...); err != nil {
			return err
		}
		err := r.awaitFlushes(ctx, 6)
		for _, p := range r.flushers {
			err = errors.Join(err, p.setClock(2*time.Hour))
		}
		err = errors.Join(err, r.awaitFlushes(ctx, 6))
		return errors.Join(err, r.front.postgres.heal())
	})
}

// awaitComparison waits until the alerter has compared usage with thresholds once more.
func (r *rig) awaitComparison(ctx context.Context) error {
	before := -1.0
	return waittest.Wait(ctx, waittest.Patience, "the alerter to compare", func() bool {
		n, err := metric(ctx, r.alerter, "flagmeter_alerter_tick_duration_seconds_count")
		if err != nil {
			return false
		}
		if before < 0 {
			before = n
		}
		return n > before
	})
}

// stepClocks sets clocks, makes sure that they are set, calls do, and sets them right.
func (r *rig) stepClocks(
	ctx context.Context, whose []*process, step func(time.Time) time.Duration, do func() error,
) error {
	now := time.Now()
	by := step(now).Truncate(time.Second)
	r.load.skew(true)
	defer r.load.skew(false)
	for _, p := range whose {
		if err := p.setClock(by); err != nil {
			return err
		}
	}
	var err error
	for _, p := range whose {
		err = errors.Join(err, r.awaitClock(ctx, p, by))
	}
	if err == nil {
		err = do()
	}
	for _, p := range whose {
		err = errors.Join(err, p.setClock(0))
	}
	return err
}

// awaitClock waits until a process shows that its clock is off. The alerter shows nothing.
func (r *rig) awaitClock(ctx context.Context, p *process, by time.Duration) error {
	return waittest.Wait(ctx, waittest.Patience, fmt.Sprintf("the clock of %s to be off by %s", p.name,
		by), func() bool {
		var shown time.Time
		switch {
		case p == r.ingests[0], p == r.ingests[1]:
			u, err := r.ask(ctx, p, anonymousTenant)
			if err != nil {
				return false
			}
			shown = u.AsOf
		case p == r.flushers[0], p == r.flushers[1]:
			seconds, err := metric(ctx, p, "flagmeter_flusher_last_commit_timestamp_seconds")
			if err != nil {
				return false
			}
			shown = time.Unix(int64(seconds), 0)
		default:
			return true
		}
		return shown.Sub(time.Now().Add(by)).Abs() < 30*time.Second
	})
}

// setClock sets the clock of a process to the right time plus by, at once. It holds for its
// later runs as well.
func (p *process) setClock(by time.Duration) error {
	next := p.clock + ".next"
	if err := os.WriteFile(next, []byte(by.String()), 0o600); err != nil {
		return fmt.Errorf("set the clock of %s: %w", p.name, err)
	}
	if err := os.Rename(next, p.clock); err != nil {
		return fmt.Errorf("set the clock of %s: %w", p.name, err)
	}
	return nil
}
