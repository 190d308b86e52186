package flusher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// commit brings batches into Postgres: together if it takes them, else one by one,
// and those that it refuses alone without the rows at fault.
func (f *Flusher) commit(ctx context.Context, shard int, batches []*batch) (Result, error) {
	done, err := f.transact(ctx, shard, batches, putAll)
	if !refused(err) {
		return done, err
	}
	f.log.Warn("postgres refuses data, trying batch by batch", "batches", len(batches), "error", err)
	var total Result
	for _, b := range batches {
		f.metrics.retries.Inc()
		done, err := f.transact(ctx, shard, []*batch{b}, putAll)
		if refused(err) {
			f.metrics.retries.Inc()
			done, err = f.transact(ctx, shard, []*batch{b}, putByHalves)
		}
		total.add(done)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// transaction is one transaction on a connection that COPY needs to itself.
type transaction struct {
	*sqlx.Tx
	conn *sqlx.Conn
	f    *Flusher
}

// begin starts a transaction on db with the settings it needs; end gives the connection back.
func (f *Flusher) begin(ctx context.Context, db *sqlx.DB) (transaction, error) {
	conn, err := db.Connx(ctx)
	if err != nil {
		return transaction{}, fmt.Errorf("connect to postgres: %w", err)
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		conn.Close()
		return transaction{}, fmt.Errorf("begin: %w", err)
	}
	t := transaction{tx, conn, f}
	if _, err := tx.ExecContext(ctx, f.transactionSettings()); err != nil {
		t.end()
		return transaction{}, fmt.Errorf("set up transaction: %w", err)
	}
	return t, nil
}

// end rolls back unless the transaction was committed.
func (t transaction) end() {
	_ = t.Rollback()
	_ = t.conn.Close()
}

// transact claims the batches in the ledger, lets put write those that were not
// there, and commits: steps 4 to 7.
func (f *Flusher) transact(ctx context.Context, shard int, batches []*batch,
	put func(context.Context, transaction, []*batch) (Result, error)) (done Result, err error) {
	tx, err := f.begin(ctx, f.db)
	if err != nil {
		return done, err
	}
	defer tx.end()
	if err := tx.fence(ctx, shard, batches[0].position); err != nil {
		return done, errors.Join(err, f.evict(ctx, err))
	}
	fresh, err := claim(ctx, tx.Tx, shard, batches)
	if err != nil {
		return done, errors.Join(err, f.evict(ctx, err))
	}
	if err := f.after(stepClaim); err != nil {
		return done, err
	}
	if done, err = put(ctx, tx, fresh); err != nil {
		return Result{}, err
	}
	done.Skipped = len(batches) - len(fresh)
	if err := tx.Commit(); err != nil {
		return Result{}, fmt.Errorf("commit: %w", err)
	}
	f.metrics.committed(fresh, done, f.now())
	return done, f.after(stepCommit)
}

// claim enters the batches into the ledger and returns those that were not there. It
// goes in the order of ids, so that two flushers cannot deadlock; the second to
// enter an id waits until the first one's transaction has ended.
func claim(ctx context.Context, tx *sqlx.Tx, shard int, batches []*batch) ([]*batch, error) {
	ordered := slices.SortedFunc(slices.Values(batches), func(a, b *batch) int { return cmp.Compare(a.ID, b.ID) })
	var fresh []*batch
	for _, b := range ordered {
		entered, err := ledger.Enter(ctx, tx, b.entry(shard))
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
func putAll(ctx context.Context, tx transaction, batches []*batch) (done Result, err error) {
	var groups []string
	total := newDeltas()
	for _, b := range batches {
		done.add(b.holds())
		groups = append(groups, b.groups...)
		if err := total.addSum(b.sum); err != nil {
			return done, err
		}
	}
	if err := copyEvents(ctx, tx.conn, "events", groups); err != nil {
		return done, err
	}
	if err := tx.f.after(stepCopy); err != nil {
		return done, err
	}
	if err := addRollups(ctx, tx, total.minuteRows()); err != nil {
		return done, err
	}
	if err := addDays(ctx, tx, total.dayRows()); err != nil {
		return done, err
	}
	return done, tx.f.after(stepAdd)
}

// errAmount reports a sum above 2^63-1, as Postgres itself would.
var errAmount = errors.New("amount out of range")

// refused reports whether err is about the data itself, so that trying again cannot
// help: SQLSTATE class 22 (data exception) or 23 (integrity constraint violation).
func refused(err error) bool {
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
