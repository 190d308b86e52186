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
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// values are the metrics of jobs, by name and labels.
func values(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := strings.TrimPrefix(f.GetName(), "flagmeter_")
			for _, l := range m.Label {
				name += "/" + l.GetValue()
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum() // two are nil
		}
	}
	return all
}

func TestRunsAreCountedAndTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		var log bytes.Buffer
		jobs := New(slog.New(slog.NewTextHandler(&log, nil)), registry)
		run := 0
		jobs.Add("work", "@every 1s", func() error {
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
		if got := values(t, registry)["jobs_running/work"]; got != 1 {
			t.Errorf("jobs_running is %v during a run", got)
		}
		time.Sleep(6500 * time.Millisecond)
		stop()
		<-ended
		want := map[string]float64{"job_runs_total/ok/work": 3, "job_runs_total/error/work": 3, "job_runs_total/skipped/work": 2, "jobs_running/work": 0, "job_seconds/work": 2.5}
		if got := values(t, registry); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		if strings.Count(log.String(), "the job work fails and will be tried again") != 1 || strings.Count(log.String(), "works again") != 1 ||
			strings.Count(log.String(), "a mistake") != 1 {
			t.Errorf("log:\n%s", &log)
		}
	})
}

func TestSetsOfOneProcessShareTheirMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	nothing := func() error { return nil }
	for _, name := range []string{"one", "two"} {
		New(slog.New(slog.DiscardHandler), registry).Add(name, "@hourly", nothing)
	}
	New(slog.New(slog.DiscardHandler), nil).Add("three", "@hourly", nothing)
	got := values(t, registry)
	for _, name := range []string{"jobs_running/one", "jobs_running/two", "job_runs_total/skipped/two", "job_seconds/one"} {
		if value, ok := got[name]; !ok || value != 0 {
			t.Errorf("%s is %v, %v before the first run", name, value, ok)
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}
