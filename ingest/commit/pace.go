package commit

import (
	"context"
	"time"
)

const (
	// restPerPart is how long large requests rest after a part, in units of the time that the part
	// took, while groups of others come: they have a third of Valkey's time then.
	restPerPart = 2
	// maxRest bounds a rest, so that a large request is stored in time on a slow machine too.
	maxRest = 20 * time.Millisecond
)

// storePart makes a call for a part of a large request, as retry does. A shard has one such call in
// flight, so a group waits for one part at most. A part costs processor time elsewhere too: in the
// flusher, and in Postgres. So without a rest between parts the groups of others would wait for
// processors instead.
func (c *committer) storePart(ctx context.Context, call func(context.Context) error) error {
	c.onePart.Lock()
	defer c.onePart.Unlock()
	groups, began := c.groups.Load(), time.Now()
	err := c.retry(ctx, call)
	if c.groups.Load() != groups || c.queue.len() > 0 {
		time.Sleep(min(restPerPart*time.Since(began), maxRest))
	}
	return err
}
