package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/loop"
)

// everyClaim is how often Run claims deliveries without being woken: for retries that are due, for
// Slack URLs that may be sent to again, and for what other processes have put there.
const everyClaim = 250 * time.Millisecond

// Wake says that something new may be due. It never blocks.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default: // it has been woken already
	}
}

// Run delivers whatever is due, until ctx is done. It then finishes what is in flight, which takes
// at most dbTime + notify.PostTime + dbTime = 20 s.
func (o *Outbox) Run(ctx context.Context) {
	var knocking sync.WaitGroup
	defer knocking.Wait()
	knocking.Go(func() { o.knock(ctx) })
	health := loop.Health{Log: o.log, Level: slog.LevelError,
		Failing: "the delivery of alerts fails and will be tried again",
		Working: "the delivery of alerts works again"}
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

// knock wakes the deliveries every now and then.
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
