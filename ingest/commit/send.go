package commit

import (
	"context"
	"errors"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
)

const (
	// patience is how long a request waits for Valkey before it is refused.
	patience = 5 * time.Second
	// attemptLimit bounds one call, so that a dead connection leaves time for another.
	attemptLimit = 2 * time.Second
)

// send calls ingest.lua until it answers, with the same number, so that the group is applied at
// most once. A group whose events were all duplicates only reads the usage. began is when the
// answered call began.
func (c *committer) send(g *group, call scripts.Group, q scripts.Query) (
	outcome scripts.Outcome, totals []meter.Amounts, began time.Time, err error,
) {
	ctx, cancel := context.WithDeadline(context.Background(), g.since().Add(patience))
	defer cancel()
	err = c.retry(ctx, func(ctx context.Context) (err error) {
		began = time.Now()
		if len(call.Counters)+len(call.IDs) > 0 {
			outcome, totals, err = c.valkey.Ingest(ctx, c.shard, call, c.dedupe, q)
			return err
		}
		outcome.Overflow = -1
		if totals, err = c.valkey.Totals(ctx, c.shard, q); errors.Is(err, scripts.ErrRewound) {
			totals, err = nil, nil // the events are counted; the usage will say stale
		}
		return err
	})
	return outcome, totals, began, err
}

// retry makes a call until it gives a definite answer or ctx ends.
func (c *committer) retry(ctx context.Context, call func(context.Context) error) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		attempt, cancel := context.WithTimeout(ctx, attemptLimit)
		began := time.Now()
		err := call(attempt)
		cancel()
		c.metrics.called(time.Since(began))
		if err == nil || !valkey.Transient(err) || errors.Is(err, scripts.ErrOldGroup) {
			return err
		}
		c.metrics.retried()
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// failure returns the refusal of every request in a group that could not be committed.
func (c *committer) failure(err error) error {
	switch {
	case errors.Is(err, valkey.ErrFull):
		c.log.Error("valkey is full, events are refused", "error", err)
		return ErrFull
	case errors.Is(err, scripts.ErrRewound):
		c.features.forget()
		c.log.Error("valkey has lost writes, events are refused until a flusher has recovered it",
			"error", err)
		return ErrRecovering
	}
	c.log.Error("could not commit a group of events", "error", err)
	if valkey.Transient(err) {
		return ErrUnknown
	}
	return ErrRefused
}
