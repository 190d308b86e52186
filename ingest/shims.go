package ingest

import (
	"net/http"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// The names of package problem under which the way of an event still knows them.

// Problem is problem.Problem.
type Problem = problem.Problem

type (
	FieldError = problem.FieldError
)

var crowded = problem.Crowded()

type rateStatus = commit.RateStatus

func problemUnavailable(detail string) *Problem { return problem.Unavailable(detail) }
func problemBusy() *Problem                     { return problem.Of(commit.ErrBusy) }
func problemOnItsWay(index int) *Problem        { return problem.Of(commit.IDInUse{Index: index}) }
func problemConflict(indexes []int) *Problem    { return problem.Of(commit.IDConflict{Indexes: indexes}) }
func problemOverflow(index int) *Problem        { return problem.Of(commit.CounterFull{Index: index}) }
func problemCrowded() *Problem                  { return crowded }
func problemTurn() *Problem                     { return problem.LargeCrowded() }
func problemGone() *Problem                     { return problem.Gone() }
func problemRequestConflict() *Problem          { return problem.Of(commit.KeyConflict{}) }
func problemRequestOnItsWay() *Problem          { return problem.Of(commit.ErrKeyInUse) }
func problemRequestUnread() *Problem            { return problem.Of(commit.ErrKeyTooNew) }
func inFlight() *Problem                        { return problem.InFlight() }
func problemTooLarge() *Problem                 { return problem.TooLarge() }

func clip(text string) string { return problem.Clip(text) }

func unknownTenants(events []meter.Event, unknown []int) *Problem {
	return problem.UnknownTenants(events, unknown)
}

// rateLimited is about the limit that the request waits for.
func rateLimited(c charge, wait time.Duration) *Problem {
	// A request that waits for n events to drain has that many fewer left than it needs.
	missing := (wait.Microseconds()*c.rate.PerSecond + micro - 1) / micro
	return problem.Of(commit.RateLimited{Tenant: c.shown, RateStatus: rateStatus{
		Policy: c.policy, Rate: c.rate, Remaining: max(0, int64(c.events)-missing), Reset: wait}})
}

func largerThanBurst(c charge) *Problem {
	return problem.Of(commit.LargerThanBurst{Tenant: c.shown, Rate: c.rate, Events: c.events})
}

// statusAt is that of a bucket at a level.
func statusAt(policy string, rate meter.Rate, level int64) rateStatus {
	return rateStatus{Policy: policy, Rate: rate, Remaining: max(0, (rate.Burst*micro-level)/micro),
		Reset: time.Duration((level+rate.PerSecond-1)/rate.PerSecond) * time.Microsecond}
}

// tokensNeeded is what a request needs of one of the quotas of its group.
func tokensNeeded(needs []scripts.Need, quota int) (tokens int64) {
	for _, n := range needs {
		if n.Quota == quota {
			tokens = n.Tokens
		}
	}
	return tokens
}

// tooManyFeatures names the events whose feature would be one too many.
func tooManyFeatures(s *submission, f scripts.Feature, has int64, most int) *Problem {
	e := commit.TooManyFeatures{Tenant: f.Tenant, Feature: f.Feature, Has: has, Most: most}
	for _, t := range s.tenants {
		if t.Name == f.Tenant {
			e.Tenant = t.Shown()
		}
	}
	for _, it := range s.items {
		if c := &s.sums.counters[it.counter]; c.Tenant == f.Tenant && c.Feature == f.Feature {
			e.Indexes = append(e.Indexes, it.index)
		}
	}
	return problem.Of(e)
}

func setRateLimits(header http.Header, statuses []rateStatus) {
	problem.SetRateLimits(header, statuses)
}
