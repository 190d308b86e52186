package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// Write writes batches into Postgres. It tries all of them together, then one by one. From a batch
// that Postgres refuses alone it leaves out the rows at fault.
func (w *Writer) Write(ctx context.Context, shard int, batches []*Batch) (Result, error) {
	done, err := w.transact(ctx, shard, batches, putAll)
	if !Refused(err) {
		return done, err
	}
	w.log.Warn("postgres refuses data, trying batch by batch",
		"batches", len(batches), "error", err)
	var total Result
	for _, b := range batches {
		w.Retried()
		done, err := w.transact(ctx, shard, []*Batch{b}, putAll)
		if Refused(err) {
			w.Retried()
			done, err = w.transact(ctx, shard, []*Batch{b}, putByHalves)
		}
		total.Add(done)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// transact claims the batches in the ledger, lets put write those that were not yet there, and
// commits: steps 4 to 7.
func (w *Writer) transact(ctx context.Context, shard int, batches []*Batch,
	put func(context.Context, Tx, []*Batch) (Result, error)) (done Result, err error) {
	tx, err := w.Begin(ctx, w.db)
	if err != nil {
		return done, err
	}
	defer tx.End()
	if err := tx.fence(ctx, shard, batches[0].position); err != nil {
		return done, errors.Join(err, w.Evict(ctx, err))
	}
	fresh, err := tx.Claim(ctx, shard, batches)
	if err != nil {
		return done, errors.Join(err, w.Evict(ctx, err))
	}
	if err := w.after(StepClaim); err != nil {
		return done, err
	}
	if done, err = put(ctx, tx, fresh); err != nil {
		return Result{}, err
	}
	done.Skipped = len(batches) - len(fresh)
	if err := tx.Commit(); err != nil {
		return Result{}, fmt.Errorf("commit: %w", err)
	}
	w.Committed(fresh, done)
	return done, w.after(StepCommit)
}

// Claim enters the batches into the ledger and returns those that were not yet there. It enters
// them in the order of ids, so that two flushers cannot deadlock. The second flusher that enters an
// id waits until the first one's transaction has ended.
func (t Tx) Claim(ctx context.Context, shard int, batches []*Batch) ([]*Batch, error) {
	ordered := slices.SortedFunc(slices.Values(batches),
		func(a, b *Batch) int { return cmp.Compare(a.ID, b.ID) })
	var fresh []*Batch
	for _, b := range ordered {
		entered, err := ledger.Enter(ctx, t, b.entry(shard))
		if err != nil {
			return nil, err
		}
		if entered {
			fresh = append(fresh, b)
		}
	}
	return fresh, nil
}

// putAll writes the contents of batches, all or nothing: steps 5 and 6.
func putAll(ctx context.Context, tx Tx, batches []*Batch) (done Result, err error) {
	var groups []string
	total := NewDeltas()
	for _, b := range batches {
		done.Add(b.holds())
		groups = append(groups, b.groups...)
		if err := total.addSum(b.Sum); err != nil {
			return done, err
		}
	}
	if err := tx.CopyEvents(ctx, "events", groups); err != nil {
		return done, err
	}
	if err := tx.w.after(StepCopy); err != nil {
		return done, err
	}
	if err := addRollups(ctx, tx, total.minuteRows()); err != nil {
		return done, err
	}
	if err := AddDays(ctx, tx, total.DayRows()); err != nil {
		return done, err
	}
	return done, tx.w.after(StepAdd)
}

// errAmount reports a sum above 2^63-1. Postgres itself would refuse it too.
var errAmount = errors.New("amount out of range")

// Refused reports whether err is caused by the data, so that a retry cannot succeed: SQLSTATE class
// 22 (data exception) or 23 (integrity constraint violation).
func Refused(err error) bool {
	if errors.Is(err, errAmount) {
		return true
	}
	var pqErr *pq.Error
	if !errors.As(err, &pqErr) {
		return false
	}
	class := pqErr.Code.Class()
	return class == "22" || class == "23"
}
