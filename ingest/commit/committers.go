package commit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// Settings bound what committers count. All but Dedupe may be zero.
type Settings struct {
	Dedupe time.Duration // how long an event id is remembered
	// Rate limits the events of tenants that have no rate in their row; zero means no limit.
	Rate meter.Rate
	// Guard limits, in this process alone, the events of tenants without any rate; zero means no
	// limit.
	Guard meter.Rate
	// MaxWaiting is how many requests of a tenant may wait in a shard; 0 means any number.
	MaxWaiting int
	// GroupLinger is how long a group may wait for more requests when several come at a time.
	GroupLinger time.Duration
	// MaxFeatures is how many features a tenant may have; 0 means any number.
	MaxFeatures int
	// Clock is this machine's clock, by which rates drain; nil means time.Now.
	Clock func() time.Time
}

// Committers count requests, with one committer per shard. They are safe for concurrent use.
type Committers struct {
	all     []*committer
	limiter *limiter
	live    *usage.Live
	ids     *record.IDs
	log     *slog.Logger
	dedupe  time.Duration
}

// New returns committers that do not run yet, and registers their metrics unless reg is nil.
func New(b backend.Backend, s Settings, reg prometheus.Registerer) *Committers {
	c := &Committers{live: b.Live, ids: record.NewIDs(), log: b.Log, dedupe: s.Dedupe}
	m := newMetrics(reg, func() (most int64) {
		for _, one := range c.all {
			most = max(most, one.features.largest.Load())
		}
		return most
	})
	c.limiter = newLimiter(s, b.Valkey.Shards(), m)
	for shard := range b.Valkey.Shards() {
		c.all = append(c.all, newCommitter(shard, b, s, c.limiter, m))
	}
	return c
}

// Dedupe is how long an event's id is remembered.
func (c *Committers) Dedupe() time.Duration { return c.dedupe }

// LargeAtOnce is how many large requests are stored at a time.
func (c *Committers) LargeAtOnce() int { return stagers * len(c.all) }

// Run counts requests until ctx is done.
func (c *Committers) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, one := range c.all {
		running.Go(func() { one.run(ctx) })
		for range stagers {
			running.Go(func() { one.stage(ctx) })
		}
	}
	running.Wait()
}

// Commit counts a request and releases it. It returns a refusal if nothing was counted, or if the
// outcome is unknown. Each of several shards counts its part or refuses it. It works only while Run
// does.
func (c *Committers) Commit(ctx context.Context, r *Request) (total Result, err error) {
	submissions := r.close()
	if err := c.limiter.admit(submissions); err != nil {
		r.Release()
		return Result{}, err
	}
	for _, s := range submissions {
		c.submit(s)
	}
	for _, s := range submissions {
		got := <-s.done
		if got.outdated != nil {
			got = c.renew(ctx, s, got.outdated)
		}
		if got.err != nil {
			err = got.err
		} else {
			total.Events += s.accepted
			total.Duplicates += s.duplicates
			total.Usage = append(total.Usage, got.usages...)
			total.Rates = append(total.Rates, got.rates...)
		}
		s.release()
	}
	r.end()
	return total, err
}

// submit hands s to its committer, or answers it.
func (c *Committers) submit(s *submission) {
	if !c.all[s.shard].submit(s) {
		s.done <- result{err: ErrBusy}
	}
}

// renewLimit is how long a request waits for a view of Postgres that knows the usage.
const renewLimit = 2 * time.Second

// renew submits s again, with a later view of Postgres, until its limits can be judged.
func (c *Committers) renew(
	ctx context.Context, s *submission, outdated *usage.ViewID) (got result) {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	for outdated != nil {
		if err := c.live.Renew(ctx, *outdated); err != nil {
			c.log.Error("usage of a tenant whose quota is enforced is not known", "error", err)
			return result{err: ErrUsageUnknown}
		}
		c.submit(s)
		got = <-s.done
		outdated = got.outdated
	}
	return got
}

// Early refuses a request before its body is read, if not even one event would pass. bound is the
// tenant that the sender is bound to; zero if there is none.
func (c *Committers) Early(from Sender, bound meter.Tenant) error {
	return c.limiter.early(from, bound)
}

// Charge charges events to the sender's rates that were refused before they were decoded.
func (c *Committers) Charge(from Sender, bound meter.Tenant, events int) {
	c.limiter.chargeEarly(from, bound, events)
}
