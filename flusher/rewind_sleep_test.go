package flusher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
)

// TestSleeperMissesARecovery stops a flusher with a batch in memory, or in the middle of
// a recovery, until all is over and the same events have been flushed under other ids.
func TestSleeperMissesARecovery(t *testing.T) {
	r := newRewinder(t)
	asleep := func(f *Flusher, at batch.Step) (reached chan struct{}, wake func() error) {
		reached, wakeUp, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		f.after = func(s batch.Step) error {
			if s == at {
				f.after = func(batch.Step) error { return nil }
				close(reached)
				<-wakeUp
			}
			return nil
		}
		go func() {
			_, err := f.RunOnce(context.Background())
			done <- err
		}()
		return reached, func() error { close(wakeUp); return <-done }
	}
	for _, at := range []batch.Step{batch.StepDurable, batch.StepRead, batch.StepSealAll,
		batch.StepCommitAll, batch.StepAckAll} {
		t.Run(fmt.Sprintf("step %d", at), func(t *testing.T) {
			tenant := fmt.Sprint("tenant ", at)
			r.in(t, tenant)
			r.mustSend(tenant, "")
			r.flush()
			r.mustSend(tenant, r.late(time.Hour))
			r.mustSend(tenant, "")
			copied := r.copyData()
			r.mustSend(tenant, "")
			r.Advance(time.Minute)
			sleeper := r.flusher()
			sleeper.log = slog.New(slog.DiscardHandler)
			var reached chan struct{}
			var wake func() error
			if at < batch.StepSealAll {
				reached, wake = asleep(sleeper, at)
				<-reached
				r.putBack(copied, nil)
			} else {
				r.flush()
				r.putBack(copied, nil)
				r.send(tenant, "") // refused, or part of what is recovered
				reached, wake = asleep(sleeper, at)
				<-reached
			}
			there := append(r.inPostgres(), r.inValkey()...)
			accepted := 0
			if r.send(tenant, "") { // ingest knows, if nobody else does
				accepted++
			}
			r.flush()
			r.mustSend(tenant, "")
			r.flush()
			r.mustSend(tenant, "")
			if err := wake(); err != nil && !errors.Is(err, batch.ErrOvertaken) {
				t.Fatal(err)
			}
			r.settleAll()
			r.wantEvents(there, accepted+2)
			r.wantSame()
		})
	}
}

// TestIDsAreKnownAfterALoss sends events again whose ids Valkey has forgotten, before
// anybody knows of it and after the recovery.
func TestIDsAreKnownAfterALoss(t *testing.T) {
	r := newRewinder(t)
	const tenant = "acme"
	r.in(t, tenant)
	body := func(n int, tokens int) string {
		return fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d,"id":"event %d"}`,
			tenant, tokens, n)
	}
	post := func(r *rig, n, tokens int, want string) {
		t.Helper()
		if status, answer := r.post(body(n, tokens)); status != 200 || !strings.Contains(answer, want) {
			t.Errorf("event %d: %d %s, want %s", n, status, answer, want)
		}
	}
	const first, again = `"accepted":1,"duplicates":0`, `"accepted":0,"duplicates":1`
	for n := range 4 {
		post(r.rig, n, 10+n, first)
	}
	r.flush()
	r.putBack("", nil)

	// An ingest that starts now cannot know, until a flusher looks.
	fresh := newRig(t, r.Env)
	fresh.Set(r.Now())
	fresh.Reload()
	post(fresh, 0, 10, first)
	post(fresh, 1, 99, first) // other content
	post(fresh, 7, 17, first)
	r.flush()
	// Event 1 is known for the content that came last: sent as it was, it is a conflict.
	for _, n := range []int{0, 2, 3} {
		post(r.rig, n, 10+n, again)
		post(fresh, n, 10+n, again)
	}
	post(r.rig, 7, 17, again)
	r.settleAll()
	if n := r.Count("SELECT count(*) FROM events"); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
	if n := r.Count("SELECT sum(tokens) FROM events"); n != 10+11+12+13+17 {
		t.Errorf("%d tokens, want 63", n)
	}
	if n := r.Count("SELECT count(*) FROM dead_events"); n != 1 {
		t.Errorf("%d dead events, want the one whose id was used for another", n)
	}
	if _, err := r.DB.Exec("TRUNCATE dead_events"); err != nil {
		t.Fatal(err)
	}
	r.wantSame()
}

// TestAnotherCommitterHidesNothing lets a new ingest store many groups before the
// flusher looks: a number that counted groups would have passed the lost hand-out.
func TestAnotherCommitterHidesNothing(t *testing.T) {
	r := newRewinder(t)
	r.in(t, "acme")
	r.mustSend("acme", "")
	copied := r.copyData()
	r.flush()
	r.putBack(copied, nil)
	there := append(r.inPostgres(), r.inValkey()...)
	fresh := newRig(t, r.Env)
	fresh.Set(r.Now())
	fresh.Reload()
	for range 50 {
		fresh.mustPost("acme", "chat", 7)
	}
	r.flush()
	if n := r.rewinds(); n != 1 {
		t.Errorf("%d alarms, want 1", n)
	}
	r.settleAll()
	r.wantEvents(there, 50)
	r.wantSame()
}
