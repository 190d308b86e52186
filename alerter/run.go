package alerter

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
)

const (
	// everyTick is how often the tenants that have changed are looked at.
	everyTick = "@every 1s"
	// everyTenant is how often all of them are, as a safety net.
	everyTenant = "@every 1m"
	// everyClaim is how often the outbox is looked into besides after each tick: for retries
	// that are due, for Slack URLs that may be sent to again, and for what others have put
	// there.
	everyClaim = 250 * time.Millisecond
)

// Run compares every second, and delivers beside that, until ctx is done. It then finishes
// what is in hand, within 20 s, and returns nil.
func (a *Alerter) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	var delivering sync.WaitGroup
	delivering.Go(func() { a.deliverUntilDone(ctx, wake) })
	delivering.Go(func() { knock(ctx, wake) })
	a.jobs(wake).Run(ctx)
	delivering.Wait()
	return nil
}

// jobs is the schedule of the comparisons.
func (a *Alerter) jobs(wake chan<- struct{}) *schedule.Jobs {
	jobs := schedule.New(a.log, a.registerer)
	jobs.Add("thresholds", everyTick, func(ctx context.Context) error {
		defer wakeUp(wake)
		_, err := a.check(ctx)
		return err
	})
	jobs.Add("all_tenants", everyTenant, func(context.Context) error {
		a.lookAtAll()
		return nil
	})
	jobs.Add("webhooks", everyWebhook, a.lookAtWebhooks)
	return jobs
}

// knock wakes the deliveries every now and then.
func knock(ctx context.Context, wake chan<- struct{}) {
	ticker := time.NewTicker(everyClaim)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			wakeUp(wake)
		}
	}
}

func wakeUp(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default: // it has been woken already
	}
}

// lookAtAll puts every tenant on the agenda of the next comparison.
func (a *Alerter) lookAtAll() {
	a.looking.Lock()
	defer a.looking.Unlock()
	a.due.add(nil, true)
}

// deliverUntilDone delivers whatever is due after each wake.
func (a *Alerter) deliverUntilDone(ctx context.Context, wake <-chan struct{}) {
	health := loop.Health{Log: a.log, Level: slog.LevelError,
		Failing: "the delivery of alerts fails and will be tried again",
		Working: "the delivery of alerts works again"}
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
			_, err := a.deliver(ctx, wake)
			health.Note(ctx, err)
		}
	}
}
