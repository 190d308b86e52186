package flusher

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
)

// loss brings about a loss that has everything in it: events that are only in what
// comes back, only in Postgres, in both, and client ids. It returns the ids of the
// events that must be there in the end.
func (r *rewinder) loss(tenant string) []string {
	r.Helper()
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
	r.Helper()
	status, answer := r.post(fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":5,"id":%q}`,
		tenant, id))
	if status != 200 || !strings.Contains(answer, want) {
		r.Errorf("event %s: %d %s, want %s", id, status, answer, want)
	}
}

// TestRecoveryCrashesAfterEachStep ends a recovery after each step in turn; another
// flusher finishes it.
func TestRecoveryCrashesAfterEachStep(t *testing.T) {
	r := newRewinder(t)
	for at := batch.StepSealAll; at <= batch.StepResume; at++ {
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
	for _, at := range []batch.Step{batch.StepCommitAll, batch.StepResume} {
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
					} else if !errors.Is(err, batch.ErrOvertaken) {
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
