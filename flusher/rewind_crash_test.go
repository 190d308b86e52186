package flusher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// loss brings about a loss that has everything in it: events that are only in what
// comes back, only in Postgres, in both, and client ids. It returns the ids of the
// events that must be there in the end.
func (r *rewinder) loss(tenant string) []string {
	r.t.Helper()
	r.wantPost(tenant, "first", `"accepted":1`)
	r.flush()
	r.mustSend(tenant, r.late(time.Hour))
	r.mustSend(tenant, "")
	copied := r.copyData()
	r.flush()
	r.wantPost(tenant, "second", `"accepted":1`)
	r.flush()
	r.putBack(copied, nil)
	return append(r.inPostgres(), r.inValkey()...)
}

// wantPost sends the event of that id, always with the same content.
func (r *rig) wantPost(tenant, id, want string) {
	r.t.Helper()
	status, answer := r.post(fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":5,"id":%q}`, tenant, id))
	if status != 200 || !strings.Contains(answer, want) {
		r.t.Errorf("event %s: %d %s, want %s", id, status, answer, want)
	}
}

// TestRecoveryCrashesAfterEachStep ends a recovery after each step in turn; another
// flusher finishes it.
func TestRecoveryCrashesAfterEachStep(t *testing.T) {
	r := newRewinder(t)
	for at := stepSealAll; at <= stepResume; at++ {
		t.Run(fmt.Sprintf("step %d", at), func(t *testing.T) {
			tenant := fmt.Sprint("tenant ", at)
			r.in(t, tenant)
			there := r.loss(tenant)
			r.crashAt(at)
			r.flush()
			r.wantEvents(there, 0)
			r.wantLiveSame()
			for _, id := range []string{"first", "second"} {
				r.wantPost(tenant, id, `"duplicates":1`)
			}
			r.settleAll()
			r.wantEvents(there, 0)
			r.wantSame()
			r.rewinds()
		})
	}
}

// TestRecoveryIsLostBeforeItsEnd rewinds Valkey once more, to the same state, after a
// recovery was committed and before, or after, Valkey was told.
func TestRecoveryIsLostBeforeItsEnd(t *testing.T) {
	r := newRewinder(t)
	for _, at := range []step{stepCommitAll, stepResume} {
		t.Run(fmt.Sprintf("step %d", at), func(t *testing.T) {
			tenant := fmt.Sprint("tenant ", at)
			r.in(t, tenant)
			r.mustSend(tenant, "")
			r.flush()
			r.mustSend(tenant, "")
			copied := r.copyData()
			r.flush()
			r.putBack(copied, nil)
			there := append(r.inPostgres(), r.inValkey()...)
			r.crashAt(at)
			r.putBack(copied, nil)
			r.flush()
			r.wantEvents(there, 0)
			r.mustSend(tenant, "")
			r.settleAll()
			r.wantEvents(there, 1)
			r.wantSame()
		})
	}
}

// TestTwoFlushersRecover lets three flushers recover the same loss at once, while
// clients keep sending.
func TestTwoFlushersRecover(t *testing.T) {
	r := newRewinder(t)
	for i := range 3 {
		tenant := fmt.Sprint("tenant ", i)
		r.in(t, tenant)
		there := r.loss(tenant)
		errs := make(chan error, 3)
		for range 3 {
			f := r.flusher()
			go func() {
				var err error
				for range 5 {
					if _, err = f.RunOnce(context.Background()); err == nil {
						break
					} else if !errors.Is(err, errOvertaken) {
						break
					}
				}
				errs <- err
			}()
		}
		accepted := 0
		for range 20 {
			if r.send(tenant, "") {
				accepted++
			}
		}
		for range 3 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		r.settleAll()
		r.wantEvents(there, accepted)
		r.wantSame()
	}
}

// TestSleeperMissesARecovery stops a flusher with a batch in memory, or in the middle of
// a recovery, until all is over and the same events have been flushed under other ids.
func TestSleeperMissesARecovery(t *testing.T) {
	r := newRewinder(t)
	asleep := func(f *Flusher, at step) (reached chan struct{}, wake func() error) {
		reached, wakeUp, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		f.after = func(s step) error {
			if s == at {
				f.after = func(step) error { return nil }
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
	for _, at := range []step{stepDurable, stepRead, stepSealAll, stepCommitAll, stepAckAll} {
		t.Run(fmt.Sprintf("step %d", at), func(t *testing.T) {
			tenant := fmt.Sprint("tenant ", at)
			r.in(t, tenant)
			r.mustSend(tenant, "")
			r.flush()
			r.mustSend(tenant, r.late(time.Hour))
			r.mustSend(tenant, "")
			copied := r.copyData()
			r.mustSend(tenant, "")
			r.advance(time.Minute)
			sleeper := r.flusher()
			sleeper.log = slog.New(slog.DiscardHandler)
			var reached chan struct{}
			var wake func() error
			if at < stepSealAll {
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
			if err := wake(); err != nil && !errors.Is(err, errOvertaken) {
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
		return fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d,"id":"event %d"}`, tenant, tokens, n)
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
	fresh.setTime(r.now())
	if err := fresh.dir.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
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
	if n := r.count("SELECT count(*) FROM events"); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
	if n := r.count("SELECT sum(tokens) FROM events"); n != 10+11+12+13+17 {
		t.Errorf("%d tokens, want 63", n)
	}
	if n := r.count("SELECT count(*) FROM dead_events"); n != 1 {
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
	fresh.setTime(r.now())
	if err := fresh.dir.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
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
