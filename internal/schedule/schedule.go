// Package schedule runs a role's jobs by the clock until the role is told to stop.
//
// A job is a function that can be called by itself; the schedule is a shell around it.
// A run that takes longer than its interval is not overtaken by the next one, and a
// panic ends the run, not the process. Each run is counted and timed (metrics.go).
package schedule

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"github.com/eduardosanzb/flagmeter/internal/loop"
)

// Jobs is a set of jobs with their times.
type Jobs struct {
	cron    *cron.Cron
	log     *slog.Logger
	metrics metrics
	ctx     context.Context // of Run
}

// New returns an empty set that logs to log. Its metrics go to reg, which several sets may
// share as long as no two jobs have the same name; nil is nowhere.
func New(log *slog.Logger, reg prometheus.Registerer) *Jobs {
	return &Jobs{cron: cron.New(), log: log, metrics: newMetrics(reg)}
}

// Add schedules a job by a cron expression such as "@every 1s". The name is the job's label task in
// metrics and its name in the log, which says when the job begins to fail and when it works again.
// The job gets the context of Run; an error after that has ended counts as success, because the
// job was broken off. Add panics on an expression that cannot be parsed: these are written in the
// source.
func (j *Jobs) Add(name, expression string, job func(context.Context) error) {
	m := j.metrics.of(name)
	health := loop.Health{Log: j.log, Level: slog.LevelError,
		Failing: "the job " + name + " fails and will be tried again",
		Working: "the job " + name + " works again"}
	logged := func() error {
		err := job(j.ctx)
		health.Note(j.ctx, err)
		if j.ctx.Err() != nil {
			return nil
		}
		return err
	}
	chain := cron.NewChain(cron.SkipIfStillRunning(skips{m.skipped}), cron.Recover(logger{j.log}))
	run := chain.Then(cron.FuncJob(func() { m.run(logged) }))
	if _, err := j.cron.AddJob(expression, run); err != nil {
		panic(fmt.Sprintf("schedule %q: %v", expression, err))
	}
}

// Run starts the jobs, waits until ctx is done and then for the running ones to end.
func (j *Jobs) Run(ctx context.Context) {
	j.ctx = ctx
	j.cron.Start()
	<-ctx.Done()
	<-j.cron.Stop().Done()
}

// logger lets cron report a recovered panic.
type logger struct{ log *slog.Logger }

func (l logger) Info(string, ...any) {}

func (l logger) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("scheduled job: "+msg, append(keysAndValues, "error", err)...)
}

// skips counts what cron says when it leaves out a run: it says nothing else.
type skips struct{ counter prometheus.Counter }

func (s skips) Info(string, ...any) { s.counter.Inc() }

func (skips) Error(error, string, ...any) {}
