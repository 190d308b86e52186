// Package loop repeats a job until the process ends, and logs when the job begins to fail and
// when it works again, not each failure in between.
package loop

import (
	"context"
	"log/slog"
	"time"
)

// Health turns the results of a job that is repeated into log lines, one for each change. It
// belongs to one goroutine.
type Health struct {
	Log *slog.Logger
	// Level is that of Failing: a warning if something else takes over meanwhile.
	Level slog.Level
	// Failing is logged, with the error, when the job fails after it has worked; Working when it
	// works after it has failed.
	Failing, Working string

	failing bool
}

// Note takes a result. An error after ctx has ended says only that the job was broken off, so it
// is not logged.
func (h *Health) Note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil && !h.failing:
		h.Log.Log(ctx, h.Level, h.Failing, "error", err)
	case err == nil && h.failing:
		h.Log.Info(h.Working)
	}
	h.failing = err != nil
}

// IsFailing reports whether the last result was an error.
func (h *Health) IsFailing() bool { return h.failing }

// Every runs a job at once and then at each interval until ctx is done. A run that takes longer
// than the interval delays the next one.
func Every(ctx context.Context, interval time.Duration, h Health, job func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		h.Note(ctx, job(ctx))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
