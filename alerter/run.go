package alerter

import (
	"context"
	"sync"

	"github.com/eduardosanzb/flagmeter/internal/schedule"
)

const (
	// everyTick is how often the tenants that have changed are evaluated.
	everyTick = "@every 1s"
	// everyTenant is how often all tenants are evaluated, as a safety net.
	everyTenant = "@every 1m"
	// everyWebhook is how often the rows of webhooks and slack_webhooks are checked.
	everyWebhook = "@every 1m"
)

// Run compares every second and delivers concurrently, until ctx is done. It then finishes what is
// in hand, within 20 s, and returns nil.
func (a *Alerter) Run(ctx context.Context) error {
	var delivering sync.WaitGroup
	delivering.Go(func() { a.outbox.Run(ctx) })
	a.jobs().Run(ctx)
	delivering.Wait()
	return nil
}

// jobs is the schedule of the comparisons.
func (a *Alerter) jobs() *schedule.Jobs {
	jobs := schedule.New(a.log, a.registerer)
	jobs.Add("thresholds", everyTick, func(ctx context.Context) error {
		defer a.outbox.Wake()
		_, err := a.Check(ctx)
		return err
	})
	jobs.Add("all_tenants", everyTenant, func(context.Context) error {
		a.addAll()
		return nil
	})
	jobs.Add("webhooks", everyWebhook, a.outbox.CheckWebhooks)
	return jobs
}

// addAll puts every tenant on the agenda of the next comparison.
func (a *Alerter) addAll() {
	a.evaluating.Lock()
	defer a.evaluating.Unlock()
	a.due.add(nil, true)
}
