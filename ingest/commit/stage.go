package commit

import (
	"context"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// stagers is how many large requests of a shard are stored at a time: while Valkey stores a part of
// one, the next part of the other is prepared (pace.go).
const stagers = 2

// stage stores large requests part by part, by turn of their flows, and hands them to the
// committer, until ctx is done. Other groups run between the parts.
func (c *committer) stage(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.large.pushed:
		}
		for s := c.large.pop(); s != nil; s = c.large.pop() {
			c.large.wake() // another stager takes the next one
			if c.late(s) {
				continue
			}
			if no := c.prepare(s); no != nil {
				c.unstage(s)
				s.done <- *no
			} else if !c.queue.push(s) {
				c.unstage(s)
				s.done <- result{err: ErrBusy}
			}
		}
	}
}

// prepare stores s, and judges it if its limits are too many for the call that counts it. It
// returns the answer to a request that will not be counted.
func (c *committer) prepare(s *submission) *result {
	ctx, cancel := context.WithDeadline(context.Background(), s.queued.Add(patience))
	defer cancel()
	for {
		if err := c.stageOne(ctx, s); err != nil {
			return &result{err: err}
		}
		if s.staged == nil { // all of it was counted before
			return nil
		}
		if no, stored := c.judge(ctx, s); stored {
			return no
		}
		c.unstage(s)
	}
}

// stageOne stores s without the events that were counted before. If all were, it stores nothing.
func (c *committer) stageOne(ctx context.Context, s *submission) error {
	s.staged = scripts.NewStaged()
	duplicate, conflicts := map[int]bool{}, []int(nil)
	for from := 0; from < len(s.items); {
		to := s.partEnd(from)
		fresh := make([]int, 0, to-from) // places of items
		for i := from; i < to; i++ {
			if !duplicate[i] {
				fresh = append(fresh, i)
			}
		}
		for len(fresh) > 0 {
			part, owner := s.part(fresh)
			seen, ok, err := c.stagePart(ctx, s, part)
			if err != nil {
				c.unstage(s)
				return c.failure(err)
			}
			if !ok { // Valkey has lost the earlier parts: begin again
				c.unstage(s)
				s.staged, to = scripts.NewStaged(), 0
				break
			}
			if len(seen) == 0 {
				break
			}
			c.metrics.seenBefore(len(seen))
			for _, one := range seen {
				item := owner[one.Index]
				if item == ofRequest {
					c.metrics.seenBefore(len(s.items) - 1) // the key stands for all events
					c.unstage(s)                           // no part is stored yet
					return c.seenRequest(s, one)
				}
				switch {
				case one.OnItsWay:
					c.unstage(s)
					return IDInUse{s.items[item].index}
				case !one.Same && !duplicate[item]:
					conflicts = append(conflicts, s.items[item].index)
				}
				duplicate[item] = true
			}
			fresh = without(fresh, duplicate)
		}
		from = to
	}
	if len(conflicts) > 0 {
		c.unstage(s)
		c.limiter.charge(s, nil)
		return IDConflict{conflicts}
	}
	if len(duplicate) > 0 {
		c.limiter.charge(s, duplicate)
		s.drop(duplicate)
	}
	if len(s.items) == 0 {
		s.staged = nil
	}
	return nil
}

// restage stores the submission again, because Valkey no longer has all of it, and empties the
// group.
func (c *committer) restage(g *group) {
	for _, s := range g.submissions {
		c.unstage(s)
		if !c.large.push(s) {
			s.done <- result{err: ErrBusy}
		}
	}
	g.submissions = nil
}

// stagePart stores a part, again and again until the outcome is known.
func (c *committer) stagePart(ctx context.Context, s *submission,
	part scripts.StagedPart) (seen []scripts.Seen, ok bool, err error) {
	err = c.storePart(ctx, func(ctx context.Context) (err error) {
		seen, ok, err = c.valkey.Stage(ctx, c.shard, s.staged, part, c.dedupe)
		return err
	})
	return seen, ok, err
}

// unstage deletes the stored parts of s. If that fails, they expire in Valkey.
func (c *committer) unstage(s *submission) {
	if s.staged == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), attemptLimit)
	defer cancel()
	if err := c.valkey.Unstage(ctx, c.shard, s.staged); err != nil {
		c.log.Warn("a large request that was refused stays in valkey for a minute", "error", err)
	}
	s.staged, s.rates = nil, nil
}

// judged reports whether the limits of s were judged in parts.
func (s *submission) judged() bool { return s.staged != nil && s.staged.Judged > 0 }

// partEnd returns the end of the part that begins at an item.
func (s *submission) partEnd(from int) int {
	cost, bytes := 0, 0
	for i := from; i < len(s.items); i++ {
		it := &s.items[i]
		bytes += it.end - it.start
		cost += costOfLate
		if it.id.ID != "" {
			cost += costOfID
		}
		if cost+bytes/bytesPerCost >= maxPartCost {
			return i + 1
		}
	}
	return len(s.items)
}

// part returns some items in the form that Valkey stores; owner[i] is the item with the i-th id, or
// ofRequest. The first part has the request's key, so that a repetition is found before anything is
// stored.
func (s *submission) part(items []int) (p scripts.StagedPart, owner []int) {
	var sums sums
	if s.staged.Parts == 0 && s.request.ID != "" {
		p.IDs, owner = append(p.IDs, s.request), append(owner, ofRequest)
	}
	for _, i := range items {
		it := &s.items[i]
		if len(p.Lines) > 0 {
			p.Lines = append(p.Lines, '\n')
		}
		p.Lines = append(p.Lines, s.lines[it.start:it.end]...)
		counter := s.sums.counters[it.counter]
		counter.Amounts = it.amounts
		sums.add(counter)
		if it.id.ID != "" {
			p.IDs, owner = append(p.IDs, it.id), append(owner, i)
		}
	}
	p.Counters = sums.counters
	return p, owner
}

// without returns places except those in gone.
func without(places []int, gone map[int]bool) []int {
	var kept []int
	for _, i := range places {
		if !gone[i] {
			kept = append(kept, i)
		}
	}
	return kept
}
