// Package clock gives a test the time of the program in its hand.
package clock

import (
	"sync"
	"time"
)

// Clock is a time that stands still, or that runs faster than the machine's, until a test changes
// it. It is safe for concurrent use.
type Clock struct {
	mu    sync.Mutex
	time  time.Time // at since
	since time.Time // by the machine's clock
	speed int
}

// At returns a clock that stands still at t.
func At(t time.Time) *Clock { return Running(t, 0) }

// Running returns a clock that shows t now and runs so many seconds in each of the machine's.
func Running(t time.Time, speed int) *Clock {
	return &Clock{time: t, since: time.Now(), speed: speed}
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if c.speed == 0 {
		return c.time
	}
	return c.time.Add(time.Since(c.since) * time.Duration(c.speed))
}

// Set makes the clock show t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time, c.since = t, time.Now()
}

// Advance moves the clock ahead, or back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

// SlowDown halves the speed of a running clock, down to that of the machine's.
func (c *Clock) SlowDown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time, c.since, c.speed = c.now(), time.Now(), max(1, c.speed/2)
}
