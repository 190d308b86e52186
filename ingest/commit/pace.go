package commit

import (
	"context"
	"time"
)

const (
	// restPerPart is how long large requests pause after a part while other groups arrive, in
	// multiples of the time that the part took. They then have a third of Valkey's time.
	restPerPart = 2
	// maxRest bounds a pause, so that a slow machine also stores a large request in time.
	maxRest = 20 * time.Millisecond
)

// storePart makes a call for a part of a large request, as retry does. A shard has one such call in
// flight, so a group waits for at most one part. A part also costs processor time in the flusher
// and in Postgres. Without a pause between parts the other groups would wait for processors
// instead.
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
