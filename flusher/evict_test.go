package flusher

import (
	"context"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// TestSleeperLosesItsClaim stops a flusher right after it has claimed a batch, as
// SIGSTOP would, and expects another one to commit the batch. The sleeper wakes up to
// a dead session and harms nothing.
func TestSleeperLosesItsClaim(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	r.Advance(time.Minute)
	asleep, wake, woken := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	sleeper := r.flusher()
	sleeper.writer.Stuck = 2 * time.Second
	sleeper.after = func(s batch.Step) error {
		if s == batch.StepClaim {
			close(asleep)
			<-wake
		}
		return nil
	}
	go func() {
		_, err := sleeper.RunOnce(context.Background())
		woken <- err
	}()
	<-asleep
	other := r.flusher()
	other.writer.Stuck = waittest.Patience // which does not sleep, however slow it is
	if _, err := other.RunOnce(context.Background()); err != nil {
		t.Fatal(err)
	}
	close(wake)
	if err := <-woken; err == nil {
		t.Error("the sleeper's session survived")
	}
	r.settle()
	r.wantTokens("acme", 5, 1)
}

// TestSleeperInCopyIsEvicted holds a claim by a session that waits in the middle of a
// COPY for data which never comes.
func TestSleeperInCopyIsEvicted(t *testing.T) {
	for name, statement := range map[string]string{
		"of plain lines": record.CopyInto("events"), "of longer lines": record.CopyLongInto("events"),
	} {
		t.Run(name, func(t *testing.T) { evictFrom(t, statement) })
	}
}

func evictFrom(t *testing.T, copying string) {
	t.Parallel()
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	crashed := r.flusher()
	crashed.after = func(s batch.Step) error { return errCrash } // sealed, no more
	_, _ = crashed.RunOnce(context.Background())
	id, err := r.Valkey.ZRange(context.Background(), "fm:{0}:sealed:raw", 0, 0).Result()
	if err != nil || len(id) != 1 {
		t.Fatalf("sealed batches: %v, %v", id, err)
	}

	sleeper, err := r.FlusherDB.Connx(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer sleeper.Close()
	for _, statement := range []string{
		"BEGIN", "INSERT INTO flushes (id, shard, kind, seq, rows, tokens) VALUES ('" +
			uuid.MustParse(id[0]).String() + "', 0, 'raw', 1, 1, 5)",
	} {
		if _, err := sleeper.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := sleeper.Raw(func(conn any) error {
		_, err := conn.(driver.Conn).Prepare(copying)
		return err
	}); err != nil {
		t.Fatal(err)
	}

	f := r.flusher()
	f.writer.Stuck = 2 * time.Second
	if _, err := f.RunOnce(context.Background()); err == nil {
		t.Error("a claim went through that somebody else held")
	}
	f.writer.Stuck = waittest.Patience // nothing holds it up any more
	if _, err := f.RunOnce(context.Background()); err != nil {
		t.Errorf("after the eviction: %v", err)
	}
	r.Advance(time.Minute)
	r.settle()
	r.wantTokens("acme", 5, 1)
}
