package flusher

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
)

// putByHalves writes batches that Postgres has refused as a whole: what it takes goes
// in, each row it refuses goes to dead_events with the reason.
func putByHalves(ctx context.Context, tx transaction, batches []*batch) (done Result, err error) {
	for _, b := range batches {
		h := bisector{tx: tx, batch: b, done: b.holds()}
		if err := h.put(ctx); err != nil {
			return done, err
		}
		done.add(h.done)
	}
	return done, nil
}

// bisector is the bisection of one batch.
type bisector struct {
	tx    transaction
	batch *batch
	done  Result
}

func (h *bisector) put(ctx context.Context) error {
	err := bisect(ctx, h, slices.Collect(h.batch.lines()),
		func(part []string) error { return copyEvents(ctx, h.tx.conn, "events", part) },
		func(line string) ([]byte, error) {
			h.done.Events--
			h.done.Tokens -= record.Tokens(line)
			return []byte(line), nil
		})
	if err != nil {
		return err
	}
	total := newDeltas()
	if err := total.addSum(h.batch.sum); err != nil {
		return err
	}
	err = bisect(ctx, h, total.minuteRows(),
		func(part []minuteRow) error { return addRollups(ctx, h.tx, part) },
		func(r minuteRow) ([]byte, error) {
			h.done.Rows--
			return json.Marshal(deadRollup(r))
		})
	if err != nil {
		return err
	}
	return bisect(ctx, h, total.dayRows(),
		func(part []dayRow) error { return addDays(ctx, h.tx, part) },
		func(r dayRow) ([]byte, error) { return json.Marshal(deadDay(r)) })
}

// bisect puts rows in between savepoints, by halves where Postgres refuses them. A
// single bad row in n costs about 2 log2 n statements.
func bisect[R any](ctx context.Context, h *bisector, rows []R, put func([]R) error, encode func(R) ([]byte, error)) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := h.tx.ExecContext(ctx, "SAVEPOINT half"); err != nil {
		return fmt.Errorf("set savepoint: %w", err)
	}
	reason := put(rows)
	if reason == nil {
		_, err := h.tx.ExecContext(ctx, "RELEASE SAVEPOINT half")
		return err
	}
	if !refused(reason) {
		return reason
	}
	if _, err := h.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT half"); err != nil {
		return fmt.Errorf("return to savepoint after %w: %w", reason, err)
	}
	if _, err := h.tx.ExecContext(ctx, "RELEASE SAVEPOINT half"); err != nil {
		return fmt.Errorf("release savepoint: %w", err)
	}
	if len(rows) > 1 {
		middle := len(rows) / 2
		if err := bisect(ctx, h, rows[:middle], put, encode); err != nil {
			return err
		}
		return bisect(ctx, h, rows[middle:], put, encode)
	}
	content, err := encode(rows[0])
	if err != nil {
		return fmt.Errorf("encode refused row: %w", err)
	}
	h.done.Dead++
	_, err = h.tx.ExecContext(ctx, "INSERT INTO dead_events (batch, kind, content, reason) VALUES ($1, $2, $3, $4)",
		h.batch.ID, h.batch.kind, content, reason.Error())
	if err != nil {
		return fmt.Errorf("keep refused row: %w", err)
	}
	h.tx.f.log.Error("postgres refused a row, it is in dead_events", "batch", h.batch.ID, "kind", h.batch.kind, "error", reason)
	return nil
}

// deadRollup and deadDay are refused rows as dead_events shows them.
func deadRollup(r minuteRow) any {
	return withAmounts(r.amounts, map[string]any{"table": "rollups", "tenant": r.Tenant,
		"feature": r.Feature, "minute": time.Unix(r.Minute*60, 0).UTC()})
}

func deadDay(r dayRow) any {
	return withAmounts(r.amounts, map[string]any{"table": "usage_daily", "tenant": r.Tenant,
		"feature": r.Feature, "day": r.Day.String()})
}

// withAmounts adds the members of amounts to a row.
func withAmounts(amounts meter.Amounts, row map[string]any) map[string]any {
	for a := range meter.NumAmounts {
		row[a.Spec().Name] = amounts[a]
	}
	return row
}
