package audit_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/internal/audit"
)

// TestWorkInProgressIsNeverDrift lets the pipeline work between the steps of audits: events
// arrive, now and late, flushers run, or crash right after they have sealed, and time passes.
func TestWorkInProgressIsNeverDrift(t *testing.T) {
	r := newRig(t, 0, "acme", "globex")
	if !flagSet("rapid.checks") { // a check is some 40 actions on real stores
		before := flag.Lookup("rapid.checks").Value.String()
		if err := flag.Set("rapid.checks", "25"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
	}
	f := r.flusher()
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(2, 5).Draw(t, "audits") {
			work(t, r, f, "before")
			auditor := r.auditor().Between(func(step audit.Step) {
				work(t, r, f, fmt.Sprintf("after step %d", step))
			})
			report, err := auditor.Audit(context.Background(), audit.Query{From: r.Now().Add(-3 * time.Hour),
				To: r.Now().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			if !report.Clean() {
				t.Fatalf("drift: %v", drift(report))
			}
		}
	})
	r.settle()
	if report := r.audit(r.lately()); !report.Clean() || report.Moving != 0 || report.Rows == 0 {
		t.Errorf("at the end: drift %v, %d of %d rows on the way", drift(report), report.Moving,
			report.Rows)
	}
}

func flagSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// work is what may happen to the pipeline at any moment. It takes less than the grace: an
// audit has four such moments.
func work(t *rapid.T, r *rig, f *flusher.Flusher, when string) {
	for _, action := range rapid.SliceOfN(rapid.SampledFrom([]string{"post", "post late", "seal",
		"flush", "wait"}), 0, 4).Draw(t, when) {
		tenant := rapid.SampledFrom([]string{"acme", "globex"}).Draw(t, "tenant")
		switch action {
		case "post":
			if err := r.tryPost(event{tenant, "chat", 3, time.Time{}}); err != nil {
				t.Fatal(err)
			}
		case "post late":
			late := rapid.SampledFrom([]time.Duration{4 * time.Minute, time.Hour}).Draw(t, "late")
			if err := r.tryPost(event{tenant, "chat", 5, r.Now().Add(-late)}); err != nil {
				t.Fatal(err)
			}
		case "seal": // what a flusher does that crashes after its first step
			if _, err := r.Scripts.Seal(context.Background(), 0, r.Now().Unix()/60, 8); err != nil {
				t.Fatal(err)
			}
		case "flush":
			if _, err := f.RunOnce(context.Background()); err != nil {
				t.Fatal(err)
			}
		case "wait":
			if when == "before" {
				r.Advance(rapid.SampledFrom([]time.Duration{time.Second, 31 * time.Second,
					65 * time.Second}).Draw(t, "time"))
			} else {
				r.Advance(2 * time.Second)
			}
		}
	}
}

// TestTheHalvesOfAnEventAreFoundOnTheirWay are the cases of the package comment, one by one.
func TestTheHalvesOfAnEventAreFoundOnTheirWay(t *testing.T) {
	late := event{"acme", "chat", 100, noon.Add(-time.Hour)}
	// stuck leaves a raw batch waiting, so that the next raw events are not sealed and
	// their counters overtake them.
	stuck := func(r *rig) {
		r.post(event{"acme", "other", 1, time.Time{}})
		if _, err := r.Scripts.Seal(context.Background(), 0, r.Now().Unix()/60, 8); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		before func(*rig)
		do     map[audit.Step]func(*rig)
	}{
		{"the counter is missing", func(r *rig) {
			r.post(event{"acme", "chat", 100, time.Time{}})
			r.flush()
		}, nil},
		{"the counter is missing and settled before it is looked for",
			func(r *rig) { r.post(event{"acme", "chat", 100, time.Time{}}); r.flush() },
			map[audit.Step]func(*rig){audit.StepSnapshot: func(r *rig) {
				r.Advance(time.Minute)
				r.flush()
				r.Advance(-time.Minute)
			}}},
		{"the line is missing since before the audit", func(r *rig) {
			stuck(r)
			r.post(late)
			r.flush()
		}, nil},
		{"the line is missing and comes after the snapshot", func(r *rig) {
			stuck(r)
			r.post(late)
			r.flush()
		},
			map[audit.Step]func(*rig){audit.StepSnapshot: func(r *rig) { r.flush() }}},
		{"the line is missing of an event that came during the audit", stuck,
			map[audit.Step]func(*rig){audit.StepRaw: func(r *rig) {
				r.post(late)
				r.flush()
			}, audit.StepSnapshot: func(r *rig) { r.flush() }}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 0, "acme")
			tt.before(r)
			auditor := r.auditor().Between(func(step audit.Step) {
				if do := tt.do[step]; do != nil {
					do(r)
				}
			})
			report, err := auditor.Audit(t.Context(), r.lately())
			if err != nil {
				t.Fatal(err)
			}
			r.wantDrift(report)
			if report.Moving == 0 {
				t.Error("nothing was on its way")
			}
		})
	}
}

func TestAnAuditThatCannotBeSureSaysSo(t *testing.T) {
	r := newRig(t, 0, "acme")
	auditor := r.auditor().Between(func(step audit.Step) {
		if step == audit.StepSnapshot {
			r.Advance(30 * time.Second)
		}
	})
	if _, err := auditor.Audit(t.Context(), r.lately()); !isTooSlow(err) {
		t.Errorf("got %v, want ErrTooSlow", err)
	}
}
