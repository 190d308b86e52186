package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// The numbers of the flusher's steps, see its package comment. Step 1 has no end of its own:
// it shares a round trip with step 2.
const (
	stepDurable = 2
	stepClaim   = 4
	stepCopy    = 5
	stepAdd     = 6
	stepDrop    = 9
)

func flusherFaults() []fault {
	faults := []fault{
		{name: "flusher-kill", touches: []string{flusher},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				p := r.flushers[random.IntN(2)]
				pause(ctx, random, 0, time.Second) // anywhere between two ticks
				if err := p.kill(); err != nil {
					return err
				}
				pause(ctx, random, 0, time.Second)
				return p.start("")
			}},
		{name: "flusher-freeze", touches: []string{flusher, postgres, valkey, back},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				p := r.flushers[random.IntN(2)]
				pause(ctx, random, 0, time.Second)
				if err := p.freeze(); err != nil {
					return err
				}
				takenOver := r.awaitFlushes(ctx, 5)
				if err := p.thaw(); err != nil {
					return err
				}
				return takenOver
			}},
		{name: "flusher-freeze-in-transaction", touches: []string{flusher, postgres, valkey, back},
			inject: freezeInTransaction},
	}
	for step := stepDurable; step <= stepDrop; step++ {
		faults = append(faults, fault{name: fmt.Sprint("flusher-kill-step-", step),
			touches: []string{flusher}, long: step == stepDrop,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.killAfter(ctx, step)
			}})
	}
	return faults
}

// killAfter lets a flusher die after a step. For the last step, which comes when the grace of
// a batch is over, the other one must not be quicker.
func (r *rig) killAfter(ctx context.Context, step int) error {
	p, other := r.flushers[0], r.flushers[1]
	if step == stepDrop {
		if err := other.kill(); err != nil {
			return err
		}
	}
	if err := p.restart(fmt.Sprint("flusher:", step)); err != nil {
		return err
	}
	died := p.awaitEnd(ctx)
	if err := p.restart(""); err != nil {
		return err
	}
	if step == stepDrop {
		if err := other.start(""); err != nil {
			return err
		}
	}
	return died
}

// stopFlusher calls do with a flusher that has stopped after a step, amid a transaction that
// has entered batches into the ledger. After 5 s Postgres would end its session. The other
// flusher is down until do returns: both tick at the full second, and it might be quicker.
func (r *rig) stopFlusher(ctx context.Context, step int, do func(p *process) error) error {
	p, other := r.flushers[0], r.flushers[1]
	if err := other.kill(); err != nil {
		return err
	}
	if err := p.restart(fmt.Sprintf("flusher:%d:stop", step)); err != nil {
		return err
	}
	err := p.awaitFailpoint(ctx)
	if err == nil {
		err = do(p)
	}
	if !other.running() {
		err = errors.Join(err, other.start(""))
	}
	return errors.Join(err, p.thaw())
}

// freezeInTransaction freezes a flusher that holds batches, which the other one must get all
// the same.
func freezeInTransaction(ctx context.Context, r *rig, _ *rand.Rand) error {
	return r.stopFlusher(ctx, stepCopy, func(p *process) error {
		if err := r.flushers[1].start(""); err != nil {
			return err
		}
		if err := waittest.Wait(ctx, waittest.Patience,
			"the other flusher to meet the one that has stopped", func() bool {
				n, err := r.backends(ctx, "wait_event_type = 'Lock' AND query LIKE 'INSERT INTO flushes%'")
				return err == nil && n > 0
			}); err != nil {
			return err
		}
		return r.awaitFlushes(ctx, 5)
	})
}

// backends counts the backends of Postgres of a kind.
func (r *rig) backends(ctx context.Context, where string) (n int, err error) {
	err = r.db.GetContext(ctx, &n, "SELECT count(*) FROM pg_stat_activity WHERE "+where)
	if err != nil {
		return 0, fmt.Errorf("count backends: %w", err)
	}
	return n, nil
}
