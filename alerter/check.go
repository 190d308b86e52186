package alerter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

const (
	// readTime bounds the reading of alerts and figures.
	readTime = 10 * time.Second
	// writeTime bounds a tenant's transaction.
	writeTime = 5 * time.Second
)

// Check compares the usage of the tenants that have changed with their thresholds and writes the
// results: steps 1 to 5 of the package comment. If one tenant's rows cannot be written, the others
// are still evaluated. Deliveries wait in the outbox.
func (a *Alerter) Check(ctx context.Context) (result Result, err error) {
	a.evaluating.Lock()
	defer a.evaluating.Unlock()
	started := time.Now()
	defer func() {
		outcome := outcomeOK
		if err != nil {
			outcome = outcomeError
		}
		a.metrics.ticks.WithLabelValues(outcome).Inc()
		a.metrics.tickSeconds.Observe(time.Since(started).Seconds())
		a.metrics.evaluated.Add(float64(result.Tenants))
	}()

	now := a.now()
	open, usage, err := a.read(ctx)
	if err != nil {
		return result, err
	}
	var errs []error
	for _, u := range usage {
		if ctx.Err() != nil {
			return result, errors.Join(append(errs, ctx.Err())...)
		}
		result.Tenants++
		fired, cleared, err := a.evaluate(ctx, now, u, open[u.Tenant.Name])
		if err != nil {
			errs = append(errs, fmt.Errorf("write alerts of %q: %w", u.Tenant.Name, err))
		}
		result.Fired += fired
		result.Cleared += cleared
	}
	return result, errors.Join(append(errs, a.outbox.Measure(ctx))...)
}

// read does steps 1 to 3, in this order, within readTime: a store that hangs must not keep the next
// tick from trying again.
func (a *Alerter) read(ctx context.Context) (map[string][]OpenAlert, []meter.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	names, all, err := a.changes.Next(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("ask what has changed: %w", err)
	}
	a.due.add(names, all)
	if !a.due.all && len(a.due.names) == 0 {
		return nil, nil, nil
	}
	names = make([]string, 0, len(a.due.names))
	for name := range a.due.names {
		names = append(names, name)
	}
	open, err := readOpenAlerts(ctx, a.db, names, a.due.all)
	if err != nil {
		return nil, nil, err
	}
	if !a.due.all {
		usage, err := a.usage.Of(ctx, names)
		if err != nil {
			return nil, nil, fmt.Errorf("read usage: %w", err)
		}
		a.due.keep(usage)
		return open, usage, nil
	}
	usage, err := a.usage.All(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read usage: %w", err)
	}
	a.due = agenda{}
	names = names[:0]
	for _, u := range usage {
		names = append(names, u.Tenant.Name)
	}
	a.due.add(names, false)
	return open, usage, nil
}

// evaluate decides about one tenant and writes the results. If an alert fires, it reads the figures
// again, with the features, and decides again: a message must contain the figures on which it was
// decided.
func (a *Alerter) evaluate(
	ctx context.Context, now time.Time, u meter.Usage, open []OpenAlert,
) (fired, cleared int, err error) {
	decisions := Decide(u, open)
	if slices.ContainsFunc(decisions, Decision.Fires) {
		if u, err = a.usage.Tenant(ctx, u.Tenant.Name); err != nil {
			return 0, 0, fmt.Errorf("read its features: %w", err)
		}
		decisions = Decide(u, open)
	}
	switch {
	case u.Stale:
		return 0, 0, nil
	case !slices.ContainsFunc(decisions, func(d Decision) bool { return d.Fires() || d.Clears() }):
		a.due.done(u.Tenant.Name)
		return 0, 0, nil
	}
	// What has begun is finished even if ctx ends meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	return a.apply(ctx, now, u, decisions)
}
