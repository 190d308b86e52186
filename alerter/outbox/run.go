package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/loop"
)

// everyClaim is how often Run claims deliveries without being woken: for retries that are due, for
// Slack URLs whose second is over, and for rows that other processes have written.
const everyClaim = 250 * time.Millisecond

// Wake reports that something new may be due. It never blocks.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default: // already woken
	}
}

// Run delivers what is due, until ctx is done. It then finishes what is in flight, which takes at
// most dbTime + notify.PostTime + dbTime = 20 s.
func (o *Outbox) Run(ctx context.Context) {
	var knocking sync.WaitGroup
	defer knocking.Wait()
	knocking.Go(func() { o.knock(ctx) })
	health := loop.Health{Log: o.log, Level: slog.LevelError,
		Failing: "alerts cannot be delivered; delivery will be retried",
		Working: "alerts can be delivered again"}
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
			_, err := o.Deliver(ctx)
			health.Note(ctx, err)
		}
	}
}

// knock wakes Run every everyClaim.
func (o *Outbox) knock(ctx context.Context) {
	ticker := time.NewTicker(everyClaim)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			o.Wake()
		}
	}
}
