package batch

import (
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// Writer writes batches into Postgres, each exactly once. It is safe for concurrent use.
type Writer struct {
	// Stuck is how long a flusher that sleeps inside a transaction may hold its claims: stuckLimit,
	// or less in tests.
	Stuck time.Duration

	db      *sqlx.DB
	valkey  *scripts.Valkey
	now     func() time.Time
	log     *slog.Logger
	after   func(Step) error
	metrics *metrics
}

// Options configure a Writer. All are required.
type Options struct {
	DB     *sqlx.DB
	Valkey *scripts.Valkey
	Now    func() time.Time
	Log    *slog.Logger
	// After is called after each step; an error ends the work there, as a crash would.
	After      func(Step) error
	Registerer prometheus.Registerer
}

// NewWriter returns a Writer.
func NewWriter(o Options) *Writer {
	return &Writer{Stuck: stuckLimit, db: o.DB, valkey: o.Valkey, now: o.Now, log: o.Log,
		after: o.After, metrics: newMetrics(o.Registerer)}
}
