package demo

import (
	"context"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

const (
	// longestPause is how long to sleep at most before looking at the paces again.
	longestPause = 5 * time.Second
	// longestShow bounds the calls of the showcase, in tokens: a huge one would take it
	// from below 80 % to above 100 % at once.
	longestShow = 8000
)

// actor is a tenant that takes part in a run.
type actor struct {
	profile
	percent float64 // of its quota, when last heard of; 0 without a quota
	silent  bool    // the server refused it
}

func (a *actor) saw(u client.Usage) {
	a.percent = 0
	if u.QuotaPercent != nil {
		a.percent = *u.QuotaPercent
	}
}

// pace is the actor's events a second at the moment.
func (a *actor) pace(now time.Time) float64 {
	switch {
	case a.silent:
		return 0
	case !a.showcase:
		return a.rate * rhythm(now.In(a.tenant.Zone))
	case a.percent >= 97: // it shall stop short of its quota
		return 0
	case a.percent >= 81: // it has crossed 80 %, and a visitor has seen it
		return a.rate / 20
	default:
		return a.rate
	}
}

// live posts one event after the other, as a backend does after each model call, with
// exponential pauses in between.
func (s *stream) live(ctx context.Context) error {
	for {
		now := s.opts.Now()
		pace := func(i int) float64 { return s.actors[i].pace(now) }
		var total float64
		for i := range s.actors {
			total += pace(i)
		}
		wait := longestPause
		if total > 0 {
			wait = min(wait, time.Duration(s.rng.ExpFloat64()/total*float64(time.Second)))
		}
		if err := s.opts.Sleep(ctx, wait); err != nil {
			return err
		}
		if wait == longestPause { // nobody is due yet; the pause has no memory
			continue
		}
		a := s.actors[pick(s.rng, len(s.actors), pace)]
		f := a.features[pick(s.rng, len(a.features), func(i int) float64 { return a.features[i].share })]
		tokens := callTokens(s.rng, f)
		if a.showcase {
			tokens = min(tokens, longestShow)
		}
		event := client.Event{Tenant: a.tenant.Name, Feature: f.name, Tokens: tokens, ID: s.id()}
		if err := s.post(ctx, a, []client.Event{event}); err != nil {
			return err
		}
	}
}
