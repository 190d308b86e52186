package alerter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/robfig/cron/v3"
)

// schedule is how often usage is compared with thresholds, as a cron expression.
const schedule = "@every 5s"

// Run compares at once and then every 5 seconds, and delivers beside that, until ctx
// is done. It then finishes what is in hand, within 20 s, and returns nil. The error
// it may return is one of start-up.
func (a *Alerter) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	jobs, job, err := a.jobs(ctx, wake)
	if err != nil {
		return err
	}
	var delivering sync.WaitGroup
	delivering.Go(func() { a.deliverUntilDone(ctx, wake) })

	job.Run()
	jobs.Start()
	<-ctx.Done()
	<-jobs.Stop().Done()
	delivering.Wait()
	return nil
}

// jobs is the schedule, not started yet, and its one job as the schedule runs it.
func (a *Alerter) jobs(ctx context.Context, wake chan<- struct{}) (*cron.Cron, cron.Job, error) {
	logger := cronLogger{a.log}
	// Recover is the innermost: a panic must not take SkipIfStillRunning's token along.
	jobs := cron.New(cron.WithLogger(logger),
		cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	id, err := jobs.AddFunc(schedule, func() { a.tick(ctx, wake) })
	if err != nil {
		return nil, nil, fmt.Errorf("schedule the comparison: %w", err)
	}
	return jobs, jobs.Entry(id).WrappedJob, nil
}

// tick is one scheduled comparison. Each wakes the deliveries: besides new ones there may
// be some whose next attempt is due.
func (a *Alerter) tick(ctx context.Context, wake chan<- struct{}) {
	if ctx.Err() != nil {
		return
	}
	if _, err := a.check(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("cannot compare usage with thresholds", slog.Any("error", err))
	}
	select {
	case wake <- struct{}{}:
	default: // it has been woken already
	}
}

// deliverUntilDone delivers whatever is due after each wake.
func (a *Alerter) deliverUntilDone(ctx context.Context, wake <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		if _, err := a.deliver(ctx, wake); err != nil {
			a.log.Error("cannot work off the alert outbox", slog.Any("error", err))
		}
	}
}

// cronLogger writes cron's messages to slog: its routine to debug, its errors to error.
type cronLogger struct{ log *slog.Logger }

func (l cronLogger) Info(msg string, keysAndValues ...any) {
	l.log.Debug("cron: "+msg, keysAndValues...)
}

func (l cronLogger) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("cron: "+msg, append([]any{slog.Any("error", err)}, keysAndValues...)...)
}
