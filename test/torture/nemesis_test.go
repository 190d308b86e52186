package torture

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// nemesis injects faults one after another, and some at the same time.
type nemesis struct {
	rig    *rig
	random *rand.Rand
	faults []fault
	bag    []fault // those of this round that are still to come
}

// run injects faults until ctx ends: each of them before any comes again.
func (n *nemesis) run(ctx context.Context) {
	for ctx.Err() == nil {
		together := []fault{n.draw(nil)}
		for n.random.IntN(3) == 0 && len(together) < 3 {
			together = append(together, n.draw(together))
		}
		var injecting sync.WaitGroup
		for _, f := range together {
			if f.inject == nil {
				continue
			}
			random := rand.New(rand.NewPCG(n.random.Uint64(), n.random.Uint64()))
			injecting.Go(func() { n.rig.inject(f, random) })
		}
		injecting.Wait()
		pause(ctx, n.random, 200*time.Millisecond, time.Second)
	}
}

// draw takes the next fault that has no part in common with others; its inject is nil if
// there is none.
func (n *nemesis) draw(others []fault) fault {
	if len(n.bag) == 0 {
		n.bag = slices.Clone(n.faults)
		n.random.Shuffle(len(n.bag), func(i, j int) { n.bag[i], n.bag[j] = n.bag[j], n.bag[i] })
		// First the one whose consequence takes longest.
		first := slices.IndexFunc(n.bag, func(f fault) bool { return f.name == alerterPost })
		n.bag[0], n.bag[first] = n.bag[first], n.bag[0]
	}
	for i, f := range n.bag {
		if !slices.ContainsFunc(others, f.overlaps) {
			n.bag = slices.Delete(n.bag, i, i+1)
			return f
		}
	}
	return fault{}
}

// overlaps reports whether f and o break or need the same part.
func (f fault) overlaps(o fault) bool {
	return slices.ContainsFunc(f.touches,
		func(part string) bool { return slices.Contains(o.touches, part) })
}

// inject injects a fault and waits until events are acknowledged again. It is finished even
// when the time of the run is over, so that nothing stays broken.
func (r *rig) inject(f fault, random *rand.Rand) {
	ctx := context.Background()
	began := time.Since(r.journal.start)
	s := r.journal.begin(f.name)
	err := f.inject(ctx, r, random)
	r.journal.heal(s)
	if err == nil {
		err = r.awaitAcks(ctx, 1)
	}
	if err != nil {
		r.t.Errorf("fault %s, %.1f s after the start: %v", f.name, began.Seconds(), err)
		return
	}
	r.t.Logf("%6.1f s  %s, %.1f s",
		began.Seconds(), f.name, (time.Since(r.journal.start) - began).Seconds())
}
