package commit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// lingerFrom is the size of a group from which on the next group lingers. A client that sends one
// request after the other never waits.
const lingerFrom = 2

// committer commits the submissions of one shard, a group at a time.
type committer struct {
	shard  int
	name   string // unique to this committer and this run of the process
	number int64  // of the last group built
	// known is the number of the last group known to be applied, with its position and time: the
	// state that Valkey must not have lost.
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

	groups  atomic.Int64 // groups begun
	onePart sync.Mutex   // held while Valkey stores a part of a large request

	queue  *queue
	large  *queue        // submissions that are staged first
	held   []*submission // submissions that did not fit into the last group
	target int           // how many submissions the next group waits for, up to linger
	linger time.Duration
}

func newCommitter(shard int, b backend.Backend, s Settings, l *limiter, m *metrics) *committer {
	return &committer{
		shard: shard, name: uuid.NewString(), valkey: b.Valkey, live: b.Live, dedupe: s.Dedupe,
		now: b.Now, log: b.Log, limiter: l, metrics: m,
		queue: newQueue(s.MaxWaiting), large: newQueue(s.MaxWaiting), linger: s.GroupLinger,
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

// run commits until ctx is done. By then the server has answered every request.
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

// collect makes a group of held and queued submissions, by turn of their flows. While there are
// fewer than the target, it waits for more, until one has waited as long as linger.
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
	// The held submissions must not outgrow the queue.
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

// expect sets the target of the group after one of n: nearly as many submissions as the server held
// while that group was committed, or all of them if they were few.
//
// A group costs Valkey an fsync, and the machine several thread switches. At a low rate those are
// most of the cost of a request. At 1,000 requests/s from independent clients a linger of 2 ms
// makes groups of about three, and saves a third of the processor time of all processes together.
func (c *committer) expect(n int) {
	c.target = 0
	if n >= lingerFrom {
		with := n + c.queue.len()
		c.target = with - with/10
	}
}

// commit brings a group into Valkey and answers every request in it. An attempt is applied as a
// whole or not at all: submissions that must not be counted leave the group, and the rest is tried
// again as a new group.
func (c *committer) commit(g *group) {
	c.groups.Add(1)
	g.remove(c.late)
	c.metrics.grouped(g)
	for len(g.submissions) > 0 {
		c.settle(g, c.attempt(g))
	}
}

// late answers s if it has waited longer than requests may, and reports whether it has.
func (c *committer) late(s *submission) bool {
	if time.Since(s.queued) <= patience {
		return false
	}
	c.unstage(s)
	s.done <- result{err: ErrLate}
	return true
}
