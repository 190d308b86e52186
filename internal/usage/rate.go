package usage

import (
	"context"
	"slices"
	"sync"
	"time"
)

// rateWindow is the time over which the rate of events is averaged.
const rateWindow = 10 * time.Second

// rate is how fast a number grows. It is safe for concurrent use.
type rate struct {
	mu      sync.Mutex
	samples []sample // oldest first: those of rateWindow, and the one before them
}

type sample struct {
	at time.Time
	n  int64
}

// add notes the number at an instant. If the number falls or the clock goes back, the measurement
// restarts.
func (r *rate) add(at time.Time, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.samples) - 1
	if last >= 0 && (n < r.samples[last].n || !at.After(r.samples[last].at)) {
		r.samples = r.samples[:0]
	}
	r.samples = append(r.samples, sample{at, n})
	for len(r.samples) > 2 && at.Sub(r.samples[1].at) >= rateWindow {
		r.samples = slices.Delete(r.samples, 0, 1)
	}
}

// perSecond is the mean rate over about the last rateWindow; 0 while it is not known.
func (r *rate) perSecond() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) < 2 {
		return 0
	}
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	return float64(last.n-first.n) / last.at.Sub(first.at).Seconds()
}

// measureRate notes how many events have been acknowledged by now.
func (l *Live) measureRate(ctx context.Context) error {
	n, err := l.valkey.Accepted(ctx)
	if err != nil {
		return err
	}
	l.rate.add(l.now(), n)
	return nil
}
