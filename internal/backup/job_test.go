package backup

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A job that fails deletes nothing, and does not look like one that has succeeded.
func TestJob(t *testing.T) {
	env := filled(t)
	d, first := made(t, env)
	registry := prometheus.NewRegistry()
	now := time.Now()
	o := Options{Source: Source{URL: env.OwnerURL}, Target: d, Keep: Keep{Count: 1},
		Now: func() time.Time { return now },
		Log: slog.New(slog.DiscardHandler), Registerer: registry}
	job := NewJob(o)
	if err := job.Look(t.Context()); err != nil ||
		gauge(t, job.lastSuccess) != float64(first.Taken.Unix()) || gauge(t, job.kept) != 1 {
		t.Errorf("last success %v, %v kept, %v", gauge(t, job.lastSuccess), gauge(t, job.kept), err)
	}
	full := errors.New("no space left")
	failing := o
	failing.Target, failing.Registerer = refusing{d, full}, nil
	if _, err := NewJob(failing).Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("a full target: %v", err)
	}
	if found, err := Find(t.Context(), d, "latest"); err != nil || found.Name != first.Name {
		t.Errorf("after a failure the latest is %s, %v", found.Name, err)
	}
	second, err := job.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all, err := List(t.Context(), d); err != nil || len(all) != 1 || all[0].Name != second.Name {
		t.Errorf("kept %+v, %v", all, err)
	}
	if gauge(t, job.lastSuccess) != float64(second.Taken.Unix()) ||
		gauge(t, job.size) != float64(second.Size) || gauge(t, job.seconds) <= 0 {
		t.Error("the metrics are not those of the new backup")
	}
}

// refusing is a target that takes nothing.
type refusing struct {
	directory
	err error
}

func (r refusing) Put(context.Context, string, io.Reader) error {
	return r.err
}

func gauge(t *testing.T, g prometheus.Gauge) float64 {
	t.Helper()
	var m dto.Metric
	if err := g.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}
