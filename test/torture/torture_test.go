package torture

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	duration = flag.Duration("duration", 45*time.Second, "how long TestTorture injects faults")
	seed     = flag.Int64("seed", 0,
		"fixes the order of the faults; 0: a random one, which is printed")
	all = flag.Bool("all", false, "run every scenario of TestFault")
)

// few are the scenarios that run without being asked for.
var few = []string{"postgres-commit-reply-lost"}

// longRun is the duration from which faults that take half a minute are mixed in.
const longRun = 2 * time.Minute

// TestTorture mixes all faults under load and then checks every event.
func TestTorture(t *testing.T) {
	var faults []fault
	for _, f := range everyFault() {
		if !f.alone && (!f.long || *duration >= longRun) {
			faults = append(faults, f)
		}
	}
	r := newRig(t, newGuard(t), theSeed(), options{crossings: *duration})
	t.Logf("seed %d", r.seed)
	n := &nemesis{rig: r, random: rand.New(rand.NewPCG(uint64(r.seed), 0)), faults: faults}
	ctx, cancel := context.WithTimeout(t.Context(), *duration)
	defer cancel()
	n.run(ctx)
	r.finish()
}

// TestFault runs each fault as a scenario of its own.
func TestFault(t *testing.T) {
	asked := *all || strings.Contains(flag.Lookup("test.run").Value.String(), "TestFault/")
	for _, f := range everyFault() {
		t.Run(f.name, func(t *testing.T) {
			if !asked && !slices.Contains(few, f.name) {
				t.Skip("run it by its name, or all with -args -all")
			}
			p := prepare{options{crossings: 15 * time.Second}, t, newGuard(t)}
			if f.prepare != nil {
				f.prepare(&p)
			}
			r := newRig(t, p.guard, theSeed(), p.options)
			r.alone = true
			random := rand.New(rand.NewPCG(uint64(r.seed), 0))
			pause(t.Context(), random, time.Second, 2*time.Second)
			r.inject(f, random)
			pause(t.Context(), random, time.Second, 2*time.Second)
			r.finish()
		})
	}
}

func theSeed() int64 {
	if *seed != 0 {
		return *seed
	}
	return 1 + rand.Int64N(1_000_000)
}

// finish settles, checks everything and prints the account.
func (r *rig) finish() {
	r.t.Helper()
	ctx := r.t.Context()
	ran := time.Since(r.journal.start)
	r.settle(ctx)
	r.t.Logf("settled after %.1f s", (time.Since(r.journal.start) - ran).Seconds())
	found := r.checkEvents(ctx)
	r.checkSums(ctx)
	told, repeated := r.checkAlerts(ctx)
	r.t.Logf("seed %d\n%s%s; %d alerts told, %d messages repeated",
		r.seed, r.journal.table(found), r.journal.totals(found, ran), told, repeated)
	r.t.Logf("live usage was compared %d times while faults were at work; %d answers were stale",
		r.watcher.compared, r.watcher.stale)
	if r.watcher.compared == 0 && !r.journal.lossy() {
		r.t.Error("live usage was never compared")
	}
	if r.t.Failed() {
		for _, p := range r.processes() {
			r.t.Logf("the last lines of %s:\n%s", p.name, p.tail(12))
		}
	}
}
