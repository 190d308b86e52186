// Package schedule runs a role's jobs by the clock until the role is told to stop.
//
// A job is a function that can be called by itself; the schedule is a shell around it.
// A run that takes longer than its interval is not overtaken by the next one, and a
// panic ends the run, not the process.
package schedule

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/robfig/cron/v3"
)

// Jobs is a set of jobs with their times.
type Jobs struct{ cron *cron.Cron }

// New returns an empty set that logs to log.
func New(log *slog.Logger) *Jobs {
	adapter := logger{log}
	return &Jobs{cron.New(cron.WithLogger(adapter), cron.WithChain(cron.SkipIfStillRunning(cron.DiscardLogger), cron.Recover(adapter)))}
}

// Add schedules a job by a cron expression such as "@every 1s". It panics on an
// expression that cannot be parsed: these are written in the source.
func (j *Jobs) Add(expression string, job func()) {
	if _, err := j.cron.AddFunc(expression, job); err != nil {
		panic(fmt.Sprintf("schedule %q: %v", expression, err))
	}
}

// Run starts the jobs, waits until ctx is done and then for the running ones to end.
func (j *Jobs) Run(ctx context.Context) {
	j.cron.Start()
	<-ctx.Done()
	<-j.cron.Stop().Done()
}

// Logged is a job that logs when it begins and ceases to fail, not every time in
// between.
func Logged(log *slog.Logger, name string, job func() error) func() {
	failing := false
	return func() {
		err := job()
		switch {
		case err != nil && !failing:
			log.Error(name+" fails and will be tried again", "error", err)
		case err == nil && failing:
			log.Info(name + " works again")
		}
		failing = err != nil
	}
}

// logger lets cron report a recovered panic; its chatter about each run is dropped.
type logger struct{ log *slog.Logger }

func (l logger) Info(string, ...any) {}

func (l logger) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("scheduled job: "+msg, append(keysAndValues, "error", err)...)
}
