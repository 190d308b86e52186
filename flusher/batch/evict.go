package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/record"
)

// stuckLimit is how long a flusher that falls asleep inside a transaction may hold its claimed
// batches. A transaction takes well below a second and never pauses between two statements.
const stuckLimit = 5 * time.Second

// transactionSettings make a commit synchronous and let Postgres end this session if it falls
// asleep between two statements. A claim that waits for a sleeping session gives up a little later.
// flagmeter.line_fields is how many fields of a line this flusher reads: Postgres keeps an older
// flusher from putting a longer line into dead_events (migration 0018).
func (w *Writer) transactionSettings() string {
	return fmt.Sprintf(`SET LOCAL synchronous_commit = on;
		SET LOCAL idle_in_transaction_session_timeout = %d;
		SET LOCAL lock_timeout = %d;
		SET LOCAL flagmeter.line_fields = %d`,
		w.Stuck.Milliseconds(), 2*w.Stuck.Milliseconds(), record.LongFields)
}

// Evict ends the sessions of flushers that fell asleep inside a COPY, if err is the timeout of a
// claim that waited for them. Postgres does not consider such a session idle, and neither a
// statement timeout nor a cancel request ends it. What it wrote is rolled back.
func (w *Writer) Evict(ctx context.Context, err error) error {
	var pqErr *pq.Error
	if !errors.As(err, &pqErr) || pqErr.Code.Name() != "lock_not_available" {
		return nil
	}
	res, err := w.db.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
		AND state = 'active' AND wait_event = 'ClientRead' AND query IN ($1, $3)
		AND query_start < clock_timestamp() - $2 * interval '1 millisecond'`,
		record.CopyInto("events"), w.Stuck.Milliseconds(), record.CopyLongInto("events"))
	if err != nil {
		return fmt.Errorf("end sleeping sessions: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n > 0 {
		w.log.Warn("ended sessions that slept inside a COPY", "sessions", n)
	}
	return nil
}
