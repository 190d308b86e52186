package doctor

import (
	"context"
	"fmt"
	"time"
)

const (
	// askClock is how often a clock is asked; the quickest answer is the best measurement.
	askClock = 5
	// clockOff can be seen: the age of the queue, the moment of an alert. clockWrong hurts:
	// with it sessions and tokens end early, and usage around midnight is booked on the wrong
	// day. No event is lost at any skew, for no two clocks are ever compared to count.
	clockOff, clockWrong = time.Second, 30 * time.Second
)

func (p *Patient) valkeyClock(ctx context.Context) []Finding {
	return p.clock("valkey", func() (time.Time, error) { return p.RDB.Time(ctx).Result() })
}

func (p *Patient) postgresClock(ctx context.Context) []Finding {
	return p.clock("postgres", func() (at time.Time, err error) {
		err = p.DB.GetContext(ctx, &at, "SELECT clock_timestamp()")
		return at, err
	})
}

// clock compares another clock with ours. The other one is taken to have been read in the
// middle of the round trip, so the measurement is wrong by half of that at most.
func (p *Patient) clock(name string, read func() (time.Time, error)) []Finding {
	best, skew := time.Duration(1<<62), time.Duration(0)
	for range askClock {
		before, began := p.Now(), time.Now()
		there, err := read()
		took := time.Since(began)
		if err != nil {
			return unknown(name, err)
		}
		if took < best {
			best, skew = took, there.Sub(before.Add(took/2))
		}
	}
	text := "agrees with this machine's"
	switch {
	case skew.Abs() > max(best/2, time.Millisecond):
		text = fmt.Sprintf("%s %s this machine's", skew.Abs().Round(time.Millisecond),
			map[bool]string{true: "ahead of", false: "behind"}[skew > 0])
	}
	const advice = "on both machines: timedatectl set-ntp true, then: timedatectl status"
	switch {
	case skew.Abs() > clockWrong:
		return one(name, Fail, text, advice)
	case skew.Abs() > clockOff:
		return one(name, Warn, text, advice)
	}
	return ok(name, text)
}
