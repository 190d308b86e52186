package backlog

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Watch publishes the backlog in Valkey and the state of Valkey. It samples both once a second, so
// that a scrape never waits.
//
// The age of the oldest event is computed from the time in its id, which ingest sets. If ingest and
// the flusher run on two machines, the age is wrong by the difference of their clocks.
type Watch struct {
	valkey *scripts.Valkey
	now    func() time.Time
	log    *slog.Logger
	reg    prometheus.Registerer
	last   atomic.Pointer[sample]
}

// sample is the backlog at one time.
type sample struct {
	queue  scripts.Queue
	server *valkey.Server // nil if Valkey does not report it
	at     time.Time      // monotonic
}

const (
	// sampleEvery is how often Run samples; sampleLimit is how long a sample may take.
	sampleEvery = "@every 1s"
	sampleLimit = time.Second
	// validFor is how long a sample is published if no other follows.
	validFor = 5 * time.Second
)

// New returns a Watch without a sample, and registers its metrics with reg unless that is nil.
func New(
	valkey *scripts.Valkey, now func() time.Time, log *slog.Logger, reg prometheus.Registerer,
) *Watch {
	w := &Watch{valkey: valkey, now: now, log: log, reg: reg}
	if reg != nil {
		reg.MustRegister(w)
	}
	return w
}

// Run samples every second until ctx is done.
func (w *Watch) Run(ctx context.Context) {
	jobs := schedule.New(w.log, w.reg)
	jobs.Add("queue", sampleEvery, w.Sample)
	jobs.Run(ctx)
}

// Sample samples once. After an error, nothing about the queue is published until the next sample.
func (w *Watch) Sample(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sampleLimit)
	defer cancel()
	queue, err := w.valkey.Queue(ctx)
	if err != nil {
		w.last.Store(nil)
		return err
	}
	seen := &sample{queue: queue, at: time.Now()}
	if server, err := w.valkey.Server(ctx); err == nil { // an ACL may forbid it
		seen.server = &server
	}
	w.last.Store(seen)
	return nil
}
