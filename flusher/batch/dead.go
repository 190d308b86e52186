package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
)

// putByHalves writes batches that Postgres has refused as a whole. Rows that Postgres accepts go
// in; each row that it refuses goes to dead_events with the reason.
func putByHalves(ctx context.Context, tx Tx, batches []*Batch) (done Result, err error) {
	for _, b := range batches {
		h := Bisector{Tx: tx, Batch: b, done: b.holds()}
		if err := h.put(ctx); err != nil {
			return done, err
		}
		done.Add(h.done)
	}
	return done, nil
}

// Bisector finds the rows of one batch that Postgres refuses.
type Bisector struct {
	Tx    Tx
	Batch *Batch
	done  Result
}

// Dead returns how many rows went into dead_events.
func (h *Bisector) Dead() int64 { return h.done.Dead }

func (h *Bisector) put(ctx context.Context) error {
	err := Bisect(ctx, h, slices.Collect(h.Batch.Lines()),
		func(part []string) error { return h.Tx.CopyEvents(ctx, "events", part) },
		func(line string) ([]byte, error) {
			h.done.Events--
			h.done.Tokens -= record.Tokens(line)
			return []byte(line), nil
		})
	if err != nil {
		return err
	}
	total := NewDeltas()
	if err := total.addSum(h.Batch.Sum); err != nil {
		return err
	}
	err = Bisect(ctx, h, total.minuteRows(),
		func(part []minuteRow) error { return addRollups(ctx, h.Tx, part) },
		func(r minuteRow) ([]byte, error) {
			h.done.Rows--
			return json.Marshal(deadRollup(r))
		})
	if err != nil {
		return err
	}
	return Bisect(ctx, h, total.DayRows(),
		func(part []DayRow) error { return AddDays(ctx, h.Tx, part) },
		func(r DayRow) ([]byte, error) { return json.Marshal(DeadDay(r)) })
}

// Bisect inserts rows between savepoints and bisects what Postgres refuses. One bad row in n costs
// about 2 log2 n statements.
func Bisect[R any](
	ctx context.Context, h *Bisector, rows []R,
	put func([]R) error, encode func(R) ([]byte, error),
) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := h.Tx.ExecContext(ctx, "SAVEPOINT half"); err != nil {
		return fmt.Errorf("set savepoint: %w", err)
	}
	reason := put(rows)
	if reason == nil {
		_, err := h.Tx.ExecContext(ctx, "RELEASE SAVEPOINT half")
		return err
	}
	if !Refused(reason) {
		return reason
	}
	if _, err := h.Tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT half"); err != nil {
		return fmt.Errorf("return to savepoint after %w: %w", reason, err)
	}
	if _, err := h.Tx.ExecContext(ctx, "RELEASE SAVEPOINT half"); err != nil {
		return fmt.Errorf("release savepoint: %w", err)
	}
	if len(rows) > 1 {
		middle := len(rows) / 2
		if err := Bisect(ctx, h, rows[:middle], put, encode); err != nil {
			return err
		}
		return Bisect(ctx, h, rows[middle:], put, encode)
	}
	content, err := encode(rows[0])
	if err != nil {
		return fmt.Errorf("encode refused row: %w", err)
	}
	h.done.Dead++
	_, err = h.Tx.ExecContext(ctx,
		"INSERT INTO dead_events (batch, kind, content, reason) VALUES ($1, $2, $3, $4)",
		h.Batch.ID, h.Batch.Kind, content, reason.Error())
	if err != nil {
		return fmt.Errorf("keep refused row: %w", err)
	}
	h.Tx.w.log.Error("postgres refused a row: it is in dead_events",
		"batch", h.Batch.ID, "kind", h.Batch.Kind, "error", reason)
	return nil
}

// deadRollup is a refused row of rollups, in the form of dead_events.
func deadRollup(r minuteRow) any {
	return withAmounts(r.amounts, map[string]any{"table": "rollups", "tenant": r.Tenant,
		"feature": r.Feature, "minute": time.Unix(r.Minute*60, 0).UTC()})
}

// DeadDay is a refused row of usage_daily, in the form of dead_events.
func DeadDay(r DayRow) any {
	return withAmounts(r.amounts, map[string]any{"table": "usage_daily", "tenant": r.Tenant,
		"feature": r.Feature, "day": r.Day.String()})
}

// withAmounts adds the amounts, by name, to a row.
func withAmounts(amounts meter.Amounts, row map[string]any) map[string]any {
	for a := range meter.NumAmounts {
		row[a.Spec().Name] = amounts[a]
	}
	return row
}
