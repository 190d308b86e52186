package loop

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("it is down")

func TestEveryLogsChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		results := []error{nil, errDown, errDown, nil, nil, errDown, errDown}
		runs := 0
		began := time.Now()
		Every(ctx, time.Second, health(&log), func(context.Context) error {
			err := results[runs]
			if runs++; runs == len(results) {
				stop()
			}
			return err
		})
		if runs != len(results) || time.Since(began) != 6*time.Second {
			t.Errorf("%d runs in %s", runs, time.Since(began))
		}
		want := []string{`level=WARN msg=fails error="it is down"`, "level=INFO msg=works",
			`level=WARN msg=fails error="it is down"`}
		if got := lines(&log); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("logged %q, want %q", got, want)
		}
	})
}

// TestTheEndIsNoFailure holds for any error: a driver may give its own for a query that was
// broken off.
func TestTheEndIsNoFailure(t *testing.T) {
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	Every(ctx, time.Hour, health(&log), func(context.Context) error {
		stop()
		return errDown
	})
	if log.Len() > 0 {
		t.Errorf("logged %q", log.String())
	}
}

func health(log *bytes.Buffer) Health {
	return Health{Log: slog.New(slog.NewTextHandler(log, nil)), Level: slog.LevelWarn,
		Failing: "fails", Working: "works"}
}

// lines are the lines of a log without their times.
func lines(log *bytes.Buffer) (all []string) {
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(line, " ")
		all = append(all, strings.TrimSpace(line))
	}
	return all
}
