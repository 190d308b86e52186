package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func tokensOf(tokens ...int) string {
	var events []string
	for _, n := range tokens {
		events = append(events, acme(int64(n), ""))
	}
	return "[" + strings.Join(events, ",") + "]"
}

func TestAnEnforcedQuota(t *testing.T) {
	for _, c := range []struct {
		name, enforce string
		used          int
		batch         []int
		accepted      bool
	}{
		{"off", "off", 1000, []int{1}, true},
		{"soft, below", "soft", 999, []int{1}, true},
		{"soft, crossed by the one event", "soft", 999, []int{500}, true},
		{"soft, used up", "soft", 1000, []int{1}, false},
		{"soft, above", "soft", 1500, []int{1}, false},
		{"soft, the last of a batch crosses", "soft", 900, []int{50, 49, 500}, true},
		{"soft, the last but one uses it up", "soft", 900, []int{50, 50, 1}, false},
		{"soft, used up, no tokens", "soft", 1000, []int{0}, true},
		{"soft, one left of the quota, and no tokens behind", "soft", 999, []int{500, 0, 0}, true},
		{"soft, used up, tokens between none", "soft", 1000, []int{0, 1, 0}, false},
		{"strict, used up, no tokens", "strict", 1500, []int{0, 0}, true},
		{"strict, no tokens beside too many", "strict", 999, []int{0, 2}, false},
		{"strict, exactly", "strict", 999, []int{1}, true},
		{"strict, would cross", "strict", 999, []int{2}, false},
		{"strict, a batch exactly", "strict", 900, []int{50, 50}, true},
		{"strict, a batch would cross", "strict", 900, []int{50, 51}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, stacktest.New(t))
			a.set("acme", "monthly_quota = 1000")
			a.counted(acme(int64(c.used), ""))
			a.set("acme", "enforce = '"+c.enforce+"'")
			before := a.state()
			r := a.post(jsonType, tokensOf(c.batch...))
			if c.accepted {
				if r.status != 200 {
					t.Errorf("%d %s, want 200", r.status, r.body)
				}
				return
			}
			p := a.refused(r, 402, "quota-exceeded")
			if want := fmt.Sprintf("has used %d of 1000 tokens", c.used); !strings.Contains(p.Detail, want) {
				t.Errorf("%q does not say that it %s", p.Detail, want)
			}
			a.unchanged(before)
			a.counted(`{"tenant":"free","feature":"chat","tokens":1}`)
			if got := a.metrics()["requests_limited_total/quota"]; got != 1 {
				t.Errorf("the metric says %v, want 1", got)
			}
		})
	}
}

func TestARaisedQuotaAcceptsAgain(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.set("acme", "monthly_quota = 10, enforce = 'strict'")
	a.counted(acme(10, ""))
	a.refused(a.post(jsonType, acme(1, "")), 402, "quota-exceeded")
	a.set("acme", "monthly_quota = 11")
	a.counted(acme(1, ""))
	a.refused(a.post(jsonType, acme(1, "")), 402, "quota-exceeded")
	a.set("acme", "monthly_quota = NULL") // there is nothing to enforce
	a.counted(acme(1, ""))
}

// What was counted before the quota was used up is told as such.
func TestARepeatedEventIsADuplicateAlsoWhenTheQuotaIsUsedUp(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.set("acme", "monthly_quota = 10, enforce = 'strict'")
	event := acme(10, `,"id":"e1"`)
	a.counted(event)
	if got := a.counted(event); got.Duplicates != 1 {
		t.Errorf("%+v, want a duplicate", got)
	}
	a.refused(a.post(jsonType, acme(1, `,"id":"e2"`)), 402, "quota-exceeded")
}

// An event counts in the period of its day, and the quota is that of the current period.
func TestOnlyTheCurrentPeriodIsEnforced(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.set("acme", "monthly_quota = 10, enforce = 'strict'")
	a.counted(acme(10, ""))
	start := a.periodStart()
	at := func(at time.Time) string { return acme(1, `,"timestamp":"`+at.Format(time.RFC3339)+`"`) }
	a.refused(a.post(jsonType, at(start)), 402, "quota-exceeded")
	a.counted(at(start.Add(-time.Second)))
	r := a.post(jsonType, acme(1, ""))
	a.refused(r, 402, "quota-exceeded")
	end := start.AddDate(0, 1, 0)
	if want := `"limit":"quota","unit":"tokens","used":10,"held":0,"amount":10,"asked":1,"resetsAt":"` + end.Format(time.RFC3339) + `"`; !strings.Contains(r.body, want) {
		t.Errorf("%s, want %s: the end of the period", r.body, want)
	}
	a.clock.Advance(end.Sub(a.clock.Now())) // the view is of the old period: it is renewed
	a.counted(acme(10, ""))
	a.refused(a.post(jsonType, acme(1, "")), 402, "quota-exceeded")
}

// periodStart is when acme's current period began: the first of the month.
func (a *api) periodStart() time.Time {
	now := a.clock.Now().UTC()
	return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// While Postgres is away nothing is settled, so a view stays exact for as long as that takes.
func TestAQuotaIsEnforcedWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	a := newAPI(t, env)
	a.set("acme", "monthly_quota = 10, enforce = 'strict'")
	a.counted(acme(4, ""))
	env.Stack.Postgres.Kill()
	a.clock.Advance(time.Hour)
	a.counted(acme(6, ""))
	a.refused(a.post(jsonType, acme(1, "")), 402, "quota-exceeded")

	// A process that starts now does not know what is settled: it refuses, and says so.
	other := startAPI(t, env)
	other.refused(other.post(jsonType, acme(1, "")), 503, "unavailable")
	other.counted(`{"tenant":"free","feature":"chat","tokens":1}`)
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, "the quota is known again", func() bool {
		return other.post(jsonType, acme(1, "")).status == 402
	})
}
