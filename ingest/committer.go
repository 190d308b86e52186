package ingest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
)

const (
	// patience is how long a request waits for Valkey before it is answered 503.
	patience = 5 * time.Second
	// attemptLimit bounds one call, so that a dead connection leaves time for another.
	attemptLimit = 2 * time.Second

	// lingerFrom is from how many requests in a group the next one lingers. A client that sends
	// one request after the other never waits.
	lingerFrom = 2
)

// committer commits the submissions of one shard, a group at a time.
type committer struct {
	shard  int
	name   string // unique to this committer and this run of the process
	number int64  // of the last group built
	// known is the number of the last group known to be applied, with the position of its
	// outcome and the time: what Valkey may not forget.
	known         int64
	knownPosition ledger.Position
	knownAt       time.Time
	valkey        *scripts.Valkey
	live          *usage.Live
	dedupe        time.Duration
	now           func() time.Time
	log           *slog.Logger
	limiter       *limiter
	metrics       *metrics
	features      features

	groups  atomic.Int64 // begun
	onePart sync.Mutex   // held while a part of a large request is with Valkey

	queue  *queue
	large  *queue        // those that are staged first
	held   []*submission // had no place in the group before
	target int           // how many submissions the next group waits for, up to linger
	linger time.Duration
}

func newCommitter(shard int, o Options, l *limiter, m *metrics) *committer {
	return &committer{
		shard: shard, name: uuid.NewString(), valkey: o.Valkey, live: o.Live, dedupe: o.Dedupe,
		now: o.Now, log: o.Log, limiter: l, metrics: m, queue: newQueue(o.MaxInFlight), large: newQueue(o.MaxInFlight),
		linger: o.GroupLinger,
	}
}

// submit queues s and reports whether there was room.
func (c *committer) submit(s *submission) bool {
	s.queued = time.Now()
	s.limitCost = c.costOfLimits(s)
	if s.cost() > maxCallCost {
		return c.large.push(s)
	}
	return c.queue.push(s)
}

// run commits until ctx is done. Whoever still waits then was answered already by
// the server's shutdown.
func (c *committer) run(ctx context.Context) {
	for {
		if len(c.held) == 0 && c.queue.len() == 0 {
			select {
			case <-ctx.Done():
				return
			case <-c.queue.pushed:
				continue
			}
		}
		g := c.collect()
		n := len(g.submissions)
		c.commit(g)
		c.expect(n)
	}
}

// collect makes a group of what was held back and of what has queued up, by turn of the flows. While
// those are fewer than expected it waits for more, until one has waited as long as linger.
func (c *committer) collect() *group {
	g := &group{}
	waiting := c.held
	c.held = nil
	for _, s := range waiting {
		if !g.add(s) {
			c.held = append(c.held, s)
		}
	}
	var limit <-chan time.Time
	// What is held back must not outgrow the queue.
	for !g.full() && len(c.held) < queueLength {
		if s := c.queue.pop(); s != nil {
			if !g.add(s) {
				c.held = append(c.held, s)
			}
			continue
		}
		if len(g.submissions) >= c.target || c.linger == 0 {
			return g
		}
		if limit == nil {
			rest := c.linger - time.Since(g.since())
			if rest <= 0 {
				return g
			}
			limit = time.After(rest)
		}
		select {
		case <-c.queue.pushed:
		case <-limit:
			return g
		}
	}
	return g
}

// expect sets how many submissions the group after one of n lingers for: nearly as many as were
// with the server while that was committed, or all of them if they were few.
//
// A group costs Valkey an fsync, and the machine several switches of threads, which at a low rate
// are most of what a request costs. At 1,000 requests/s of independent clients a linger of 2 ms makes
// groups of about three and takes a third off the processor time of all processes together.
func (c *committer) expect(n int) {
	c.target = 0
	if n >= lingerFrom {
		with := n + c.queue.len()
		c.target = with - with/10
	}
}

// commit brings a group into Valkey and answers everyone in it. Ids that were seen
// before leave the group, as do requests that exceed a limit, and the rest is tried again as
// a new group: what was refused was not applied, so it may be judged anew.
func (c *committer) commit(g *group) {
	c.groups.Add(1)
	g.remove(c.late)
	c.metrics.grouped(g)
	for len(g.submissions) > 0 {
		c.number++
		call, owner := g.call(c.name, c.number)
		if time.Since(c.knownAt) < scripts.KnownFor {
			call.Known, call.KnownAt = c.known, c.knownPosition
		}
		reading := c.live.Read(g.tenants())
		var limits *groupLimits
		var unknown []*submission
		if !g.judged() {
			limits, unknown = c.limits(g, call.Counters, reading)
		}
		if len(unknown) > 0 {
			version := reading.ViewID()
			g.remove(func(s *submission) bool { return slices.Contains(unknown, s) })
			for _, s := range unknown {
				s.done <- answer{outdated: &version}
			}
			continue
		}
		if limits != nil {
			call.Limits = &limits.Limits
		}
		outcome, totals, began, err := c.send(g, call, reading.Query())
		if err == nil && limits != nil {
			c.noteLevels(limits, outcome.Levels, began)
		}
		switch {
		case err != nil: // what is staged may have been counted
			problem := c.problem(err)
			for _, s := range g.submissions {
				s.done <- answer{problem: problem}
			}
			return
		case outcome.Unread:
			c.refuseUnread(g)
		case outcome.Unstaged:
			c.restage(g)
			return
		case outcome.Overflow >= 0:
			c.refuseOverflow(g, call.Counters[outcome.Overflow])
		case len(outcome.Seen) > 0:
			c.metrics.seenBefore(eventsSeen(outcome.Seen, owner))
			c.drop(g, outcome.Seen, owner)
		case len(outcome.Refused) > 0:
			c.refuse(g, limits, outcome.Refused, reading.ViewID())
		default:
			if len(call.Counters) > 0 {
				c.known, c.knownPosition, c.knownAt = call.Number, outcome.Position, time.Now()
			}
			c.metrics.counted(g.accepted())
			var rates map[*submission][]rateStatus
			if limits != nil {
				c.features.add(limits.Features, outcome.MostFeatures)
				rates = limits.statuses(outcome.Levels)
			} else if g.judged() {
				rates = map[*submission][]rateStatus{g.submissions[0]: g.submissions[0].rates}
			}
			g.answer(reading.Usage(totals, c.now()), rates)
			return
		}
	}
}

// late answers s if it has waited for longer than requests may, and reports whether it has.
func (c *committer) late(s *submission) bool {
	if time.Since(s.queued) <= patience {
		return false
	}
	c.unstage(s)
	s.done <- answer{problem: problemUnavailable("the event store did not answer in time; nothing was counted")}
	return true
}

// send calls ingest.lua until it answers, with the same number, so that it is applied
// at most once. A group whose events were all duplicates only asks for the usage. began is
// when the call began that was answered.
func (c *committer) send(g *group, call scripts.Group, q scripts.Query) (outcome scripts.Outcome,
	totals []meter.Amounts, began time.Time, err error) {
	ctx, cancel := context.WithDeadline(context.Background(), g.since().Add(patience))
	defer cancel()
	err = c.retry(ctx, func(ctx context.Context) (err error) {
		began = time.Now()
		if len(call.Counters)+len(call.IDs) > 0 {
			outcome, totals, err = c.valkey.Ingest(ctx, c.shard, call, c.dedupe, q)
			return err
		}
		outcome.Overflow = -1
		if totals, err = c.valkey.Totals(ctx, c.shard, q); errors.Is(err, scripts.ErrRewound) {
			totals, err = nil, nil // that they are counted is true; the usage will say stale
		}
		return err
	})
	return outcome, totals, began, err
}

// retry makes a call until it gives a definite answer or ctx ends.
func (c *committer) retry(ctx context.Context, call func(context.Context) error) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		attempt, cancel := context.WithTimeout(ctx, attemptLimit)
		began := time.Now()
		err := call(attempt)
		cancel()
		c.metrics.called(time.Since(began))
		if err == nil || !valkey.Transient(err) || errors.Is(err, scripts.ErrOldGroup) {
			return err
		}
		c.metrics.retried()
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// problem is the answer to everyone in a group that could not be committed.
func (c *committer) problem(err error) *Problem {
	if errors.Is(err, valkey.ErrFull) {
		c.log.Error("valkey is full, events are refused", "error", err)
		return problemUnavailable("the event store is full; nothing was counted")
	}
	if errors.Is(err, scripts.ErrRewound) {
		c.features.forget()
		c.log.Error("valkey has lost writes, events are refused until a flusher has recovered it", "error", err)
		return problemUnavailable("the event store has lost recent writes and is being recovered; events without a definite answer may not be counted: repeat them with the same ids")
	}
	c.log.Error("could not commit a group of events", "error", err)
	if valkey.Transient(err) {
		return problemUnavailable("the event store did not answer in time; whether the events were counted is not known: repeat them with the same ids")
	}
	return problemUnavailable("the event store refused the events")
}

// refuseOverflow answers the submissions that add to a counter which cannot hold
// more, and takes them out of the group.
func (c *committer) refuseOverflow(g *group, full scripts.Counter) {
	g.remove(func(s *submission) bool {
		for _, it := range s.items {
			if sameCounter(&s.sums.counters[it.counter], &full) {
				c.limiter.charge(s, nil)
				s.done <- answer{problem: problemOverflow(it.index)}
				return true
			}
		}
		return false
	})
}

// accepted is the number of events that were counted.
func (g *group) accepted() int {
	n := 0
	for _, s := range g.submissions {
		n += s.accepted
	}
	return n
}

// answer gives every submission the usage of its tenants, which usages has once each, and
// its rate limits.
func (g *group) answer(usages []meter.Usage, rates map[*submission][]rateStatus) {
	at := make(map[string]int, len(usages))
	for i, u := range usages {
		at[u.Tenant.Name] = i
	}
	for _, s := range g.submissions {
		if len(s.tenants) == 1 {
			i := at[s.tenants[0].Name]
			s.done <- answer{usages: usages[i : i+1], rates: rates[s]}
			continue
		}
		own := make([]meter.Usage, len(s.tenants))
		for i, t := range s.tenants {
			own[i] = usages[at[t.Name]]
		}
		s.done <- answer{usages: own, rates: rates[s]}
	}
}
