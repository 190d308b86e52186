package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// Options steer a demo. The zero value is ready for use.
type Options struct {
	// Seed picks one of the possible streams.
	Seed uint64
	// Log hears of outages; nil means silence.
	Log *slog.Logger
	// Now reads the clock; nil means time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx ends; nil means real time.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Run feeds the server behind c until ctx ends, and returns nil then. The tenants of
// Tenants and acme-corp should exist; one that is still missing after 15 s is left out.
func Run(ctx context.Context, c *client.Client, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	out := &outage{log: o.Log}
	own := *c
	own.OnRetry = func(err error, _ time.Duration) { out.began(err) }
	s := &stream{
		client: &own, opts: o, outage: out,
		rng:   rand.New(rand.NewPCG(o.Seed, uint64(o.Now().UnixNano()))),
		first: o.Now(),
	}
	if err := s.seed(ctx); err != nil {
		return ended(ctx, err)
	}
	return ended(ctx, s.live(ctx))
}

// ended makes the end of the context what it is: the way to stop a demo.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stream is the state of one run. It is used by one goroutine.
type stream struct {
	client *client.Client
	opts   Options
	outage *outage
	rng    *rand.Rand
	first  time.Time // when the run began
	posted int
	actors []*actor
}

// seed finds the demo's tenants on the server and gives each its history.
func (s *stream) seed(ctx context.Context) error {
	missing := profiles()
	for looks := 0; ; {
		list, err := s.client.Tenants(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.outage.began(err)
		case !list.Stale: // a figure that may be behind must not be topped up
			looks++
			s.outage.over()
			if missing, err = s.join(ctx, missing, list.Tenants); err != nil {
				return err
			}
		}
		if len(missing) == 0 {
			return nil
		}
		if looks > 15 && len(s.actors) > 0 {
			for _, p := range missing {
				s.opts.Log.Warn("demo tenant does not exist and is left out", "tenant", p.tenant.Name)
			}
			return nil
		}
		if err := s.opts.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// join lets those of the profiles take part whose tenants the server lists, and returns
// the others.
func (s *stream) join(
	ctx context.Context, profiles []profile, listed []client.Usage,
) (missing []profile, err error) {
	usage := make(map[string]client.Usage, len(listed))
	for _, u := range listed {
		usage[u.Tenant] = u
	}
	for _, p := range profiles {
		u, exists := usage[p.tenant.Name]
		if !exists {
			missing = append(missing, p)
			continue
		}
		a := &actor{profile: p}
		a.saw(u)
		// What is short by less than 1 % is a history that is there.
		if short := p.history - u.TotalTokens; short > p.history/100 {
			if err := s.post(ctx, a,
				history(p, short, u.PeriodStart, s.opts.Now(), s.opts.Seed)); err != nil {
				return nil, err
			}
		}
		s.actors = append(s.actors, a)
	}
	return missing, nil
}

// post sends an actor's events. Only the end of the context is an error: a server that
// is away is waited for, and an actor that is refused is silent from then on.
func (s *stream) post(ctx context.Context, a *actor, events []client.Event) error {
	result, err := s.client.Post(ctx, events)
	var p *client.Problem
	switch {
	case err == nil:
		s.outage.over()
		for _, u := range result.Usage {
			if u.Tenant == a.tenant.Name {
				a.saw(u)
			}
		}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &p):
		a.silent = true
		s.opts.Log.Warn("demo tenant is refused and left out", "tenant", a.tenant.Name, "error", err)
	default:
		s.outage.began(err)
	}
	return nil
}

// id is unique within the demo's tenants, also across restarts.
func (s *stream) id() string {
	s.posted++
	return fmt.Sprintf("demo-live-%d-%d", s.first.UnixNano(), s.posted)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
