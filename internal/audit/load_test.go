package audit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/internal/audit"
)

func isTooSlow(err error) bool { return errors.Is(err, audit.ErrTooSlow) }

// fastClock lets a minute pass in 3 s, and the grace in 1.5 s.
const fastClock = 20

// load is traffic with flushers, until it is stopped. It counts what was acknowledged.
type load struct {
	stop func()

	mu     sync.Mutex
	tokens map[string]int64 // by tenant
}

// startLoad posts for every tenant, mostly now and some late, while two flushers work and
// a third always crashes after it has sealed.
func (r *rig) startLoad(names ...string) *load {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{tokens: map[string]int64{}}
	var running sync.WaitGroup
	begin := func(every time.Duration, do func() error) {
		running.Go(func() {
			for ticker := time.NewTicker(every); ; {
				if err := do(); err != nil {
					r.Error(err)
					return
				}
				select {
				case <-ctx.Done():
					ticker.Stop()
					return
				case <-ticker.C:
				}
			}
		})
	}
	for i, name := range names {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		begin(10*time.Millisecond, func() error {
			var events []event
			var tokens int64
			for range 1 + random.IntN(40) {
				e := event{name, []string{"chat", "code", "embed"}[random.IntN(3)], 1 + random.Int64N(1000),
					time.Time{}}
				if random.IntN(4) == 0 {
					e.at = r.Now().Add(-time.Duration(random.IntN(180)) * time.Minute)
				}
				events, tokens = append(events, e), tokens+e.tokens
			}
			if err := r.tryPost(events...); err != nil {
				return err
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.tokens[name] += tokens
			return nil
		})
	}
	for range 2 {
		f := r.flusher()
		begin(50*time.Millisecond, func() error { return runOnce(f) })
	}
	begin(130*time.Millisecond, func() error {
		_, err := r.Scripts.Seal(context.Background(), 0, r.Now().Unix()/60, 8)
		return err
	})
	l.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	r.Cleanup(l.stop)
	return l
}

func runOnce(f *flusher.Flusher) error {
	_, err := f.RunOnce(context.Background())
	return err
}

// patiently audits, or repairs, again while the machine is too busy to be sure, and lets time pass
// at half the speed then.
func (r *rig) patiently(do func(context.Context, audit.Query) (audit.Report, error)) audit.Report {
	r.Helper()
	for range 20 {
		report, err := do(context.Background(), r.lately())
		if isTooSlow(err) {
			r.Log(err)
			r.SlowDown()
			continue
		}
		if err != nil {
			r.Fatal(err)
		}
		return report
	}
	r.Fatal("no audit within the grace")
	return audit.Report{}
}

func TestARunningSystemHasNoDrift(t *testing.T) {
	r := newRig(t, fastClock, "acme", "globex", "initech")
	l := r.startLoad("acme", "globex", "initech")
	audits, moving, settled := 0, 0, int64(0)
	for end := r.Now().Add(150 * time.Second); audits < 3 || r.Now().Before(end); audits++ { // 7.5 s
		report := r.patiently(r.auditor().Audit)
		r.wantDrift(report)
		moving += report.Moving
		settled = max(settled, report.Rows-int64(report.Moving))
	}
	l.stop()
	r.settle()
	report := r.audit(r.lately())
	r.wantDrift(report)
	r.wantSums()
	t.Logf("%d audits, on average %d rows on their way, at most about %d others, %d in the end",
		audits, moving/audits, settled, report.Rows)
	if audits < 3 || moving == 0 || report.Moving != 0 {
		t.Errorf("%d audits, %d rows on their way, %d in the end", audits, moving, report.Moving)
	}
}
