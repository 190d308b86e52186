package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
)

func TestRunsAreCountedAndTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		var log bytes.Buffer
		jobs := New(slog.New(slog.NewTextHandler(&log, nil)), registry)
		run := 0
		jobs.Add("work", "@every 1s", func(context.Context) error {
			switch run++; run {
			case 1: // runs over the next two
				time.Sleep(2500 * time.Millisecond)
			case 2, 3:
				return errors.New("no luck")
			case 4:
				panic("a mistake")
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			jobs.Run(ctx)
		}()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := metricstest.Values(t, registry)["jobs_running/work"]; got != 1 {
			t.Errorf("jobs_running is %v during a run", got)
		}
		time.Sleep(6500 * time.Millisecond)
		stop()
		<-ended
		want := map[string]float64{"job_runs_total/ok/work": 3, "job_runs_total/error/work": 3,
			"job_runs_total/skipped/work": 2, "jobs_running/work": 0, "job_seconds/work/count": 6,
			"job_seconds/work/sum": 2.5}
		if got := metricstest.Values(t, registry); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		if strings.Count(log.String(), "the job work fails and will be tried again") != 1 ||
			strings.Count(log.String(), "works again") != 1 ||
			strings.Count(log.String(), "a mistake") != 1 {
			t.Errorf("log:\n%s", &log)
		}
	})
}

func TestTheEndIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		var log bytes.Buffer
		jobs := New(slog.New(slog.NewTextHandler(&log, nil)), registry)
		jobs.Add("work", "@every 1s", func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("the connection was closed")
		})
		ctx, stop := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer stop()
		jobs.Run(ctx)
		if got := metricstest.Values(t, registry); got["job_runs_total/ok/work"] != 1 ||
			got["job_runs_total/error/work"] != 0 {
			t.Errorf("got %v", got)
		}
		if log.Len() > 0 {
			t.Errorf("log:\n%s", &log)
		}
	})
}

func TestSetsOfOneProcessShareTheirMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	nothing := func(context.Context) error { return nil }
	for _, name := range []string{"one", "two"} {
		New(slog.New(slog.DiscardHandler), registry).Add(name, "@hourly", nothing)
	}
	New(slog.New(slog.DiscardHandler), nil).Add("three", "@hourly", nothing)
	got := metricstest.Values(t, registry)
	for _, name := range []string{"jobs_running/one", "jobs_running/two", "job_runs_total/skipped/two",
		"job_seconds/one/count"} {
		if value, ok := got[name]; !ok || value != 0 {
			t.Errorf("%s is %v, %v before the first run", name, value, ok)
		}
	}
	metricstest.Lint(t, registry)
}
