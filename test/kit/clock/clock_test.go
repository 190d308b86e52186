package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAClockShowsWhatTheTestSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
		still, fast := At(noon), Running(noon, 60)
		time.Sleep(time.Second)
		want := func(c *Clock, after time.Duration) {
			t.Helper()
			if got := c.Now().Sub(noon); got != after {
				t.Errorf("it shows %s after noon, want %s", got, after)
			}
		}
		want(still, 0)
		want(fast, time.Minute)
		still.Advance(time.Hour)
		fast.Advance(-time.Minute)
		want(still, time.Hour)
		want(fast, 0)
		fast.SlowDown()
		time.Sleep(time.Second)
		want(fast, 30*time.Second)
		fast.Set(noon)
		want(fast, 0)
		time.Sleep(time.Second)
		want(fast, 30*time.Second)
	})
}
