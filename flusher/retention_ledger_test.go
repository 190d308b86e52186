package flusher

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestTheLedgerForgetsWhatNobodyCanAskFor writes old and young rows into the ledger.
func TestTheLedgerForgetsWhatNobodyCanAskFor(t *testing.T) {
	r, f := newKeeper(t)
	r.settleAt(f, "acme", 1, 0)
	r.mustPost("acme", "chat", 2)
	f.after = func(s batch.Step) error { // the batch is committed, and Valkey has not heard of it
		if s == batch.StepCommit {
			return context.Canceled
		}
		return nil
	}
	if _, err := f.RunOnce(t.Context()); err == nil {
		t.Fatal("the flusher has not crashed")
	}
	f.after = func(batch.Step) error { return nil }
	last := r.Count("SELECT max(seq) FROM flushes")
	if _, err := r.DB.Exec(`INSERT INTO flushes (id, shard, kind, seq, rows, tokens, committed_at)
		SELECT gen_random_uuid(), 0, 'raw', 0, 1, 1, now() FROM generate_series(1, 5000);
		INSERT INTO flushes (id, shard, kind, seq, rows, tokens)
		VALUES (gen_random_uuid(), 0, 'rewind', 0, 1, 1), (gen_random_uuid(), 9, 'raw', 7, 1, 1);
		UPDATE flushes SET committed_at = '2020-01-25' WHERE kind <> 'raw' OR n < 3000`); err != nil {
		t.Fatal(err)
	}
	r.Set(time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC)) // 36 days later
	if err := f.retention.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := r.Count("SELECT count(*) FROM flushes")
	r.Set(time.Date(2020, 3, 7, 0, 0, 0, 0, time.UTC)) // 42 days later
	if err := f.retention.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.Count("SELECT count(*) FROM flushes WHERE committed_at < '2020-02-01' AND seq = 0" +
		" AND kind = 'raw'"); n != 0 {
		t.Errorf("%d old rows are left", n)
	}
	for what, n := range map[string]int64{
		"the last of the shard": r.Count("SELECT count(*) FROM flushes WHERE shard = 0 AND seq = $1",
			last),
		"the last drained": r.Count("SELECT count(*) FROM flushes WHERE drained"),
		"a recovery":       r.Count("SELECT count(*) FROM flushes WHERE kind = 'rewind'"),
	} {
		if n == 0 {
			t.Errorf("the ledger has lost %s", what)
		}
	}
	if after := r.Count("SELECT count(*) FROM flushes"); after >= before || after < 2000 {
		t.Errorf("%d rows before, %d after", before, after)
	}
	if _, err := f.RunOnce(t.Context()); err != nil { // nothing is counted twice
		t.Fatal(err)
	}
	if n := r.Count("SELECT sum(tokens) FROM events"); n != 3 {
		t.Errorf("%d tokens, want 3", n)
	}
}

// TestADropLetsOthersGoOn holds a table that a partition is to be dropped of.
func TestADropLetsOthersGoOn(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.AppDB.Exec(
		"SELECT create_partitions('events', '2020-01-01Z', '2020-01-03Z')"); err != nil {
		t.Fatal(err)
	}
	reader, err := env.AppDB.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	if err := store.HoldPartitions(t.Context(), reader); err != nil {
		t.Fatal(err)
	}
	var limit, name *string
	if err := env.DB.Get(&limit, "SELECT substring(array_to_string(proconfig, ',')"+
		" FROM 'lock_timeout=([^,]*)') FROM pg_proc WHERE proname = 'drop_old_partition'"); err != nil ||
		limit == nil || *limit != "250ms" {
		t.Errorf("others wait for a drop for %v, %v", limit, err)
	}
	var refused *pq.Error
	if err := env.FlusherDB.Get(&name, "SELECT drop_old_partition('events',"+
		" '2020-02-01Z')"); !errors.As(err, &refused) || refused.Code.Name() != "lock_not_available" {
		t.Errorf("dropped %v, %v", name, err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := env.FlusherDB.Get(&name,
		"SELECT drop_old_partition('events', '2020-02-01Z')"); err != nil || *name != "events_20200101" {
		t.Errorf("dropped %q, %v", *name, err)
	}
}
