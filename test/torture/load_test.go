package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// load is what the clients do: about 1,500 events/s, half of them in batches, and two backfills
// that send 3,000 events at once every few seconds. Some batches come under a key.
type load struct {
	t       testing.TB
	journal *journal
	spread  *balancer
	seed    int64
	// crossings is the time in which the tenants with a quota use all of it.
	crossings time.Duration

	// skewed is until when a clock may be off: timestamps are refused then.
	skewed atomic.Pointer[time.Time]
	// posting is held for reading by every client with an event in hand.
	posting sync.RWMutex

	watch   func(sending, trying context.Context)
	clients sync.WaitGroup
	stop    context.CancelFunc // no new events
	abandon context.CancelFunc // no more attempts
}

// begin starts the clients.
func (l *load) begin() {
	sending, stop := context.WithCancel(context.Background())
	trying, abandon := context.WithCancel(context.Background())
	l.stop, l.abandon = stop, abandon
	l.clients.Go(func() { l.watch(sending, trying) })
	for i := range 6 {
		l.run(sending, trying, fmt.Sprint("single-", i), 10*time.Millisecond, l.mixed(1))
	}
	for i := range 2 {
		l.run(sending, trying, fmt.Sprint("batch-", i), 120*time.Millisecond, l.mixed(120))
	}
	for i := range 3 {
		name := fmt.Sprint("anonymous-single-", i)
		l.run(sending, trying, name, 10*time.Millisecond, anonymous(name, 1))
	}
	for i := range 2 {
		l.run(sending, trying, fmt.Sprint("backfill-", i), 4*time.Second, backfill(3000))
	}
	for i := range 2 {
		name := fmt.Sprint(underKey, i)
		l.run(sending, trying, name, 150*time.Millisecond, keyed(name, 30))
	}
	l.run(sending, trying, "anonymous-batch", 200*time.Millisecond, anonymous("anonymous-batch", 30))
	l.run(sending, trying, "quota", l.crossings/time.Duration(len(quotaTenants)*quotaSteps), spend)
}

// end stops the clients. Those that are amid an event have limit to get it acknowledged.
func (l *load) end(limit time.Duration) {
	l.stop()
	timer := time.AfterFunc(limit, l.abandon)
	l.clients.Wait()
	timer.Stop()
	l.abandon()
	l.journal.close()
}

// hold lets the clients finish what they have in hand and keeps them from going on until
// release is called.
func (l *load) hold() (release func()) {
	l.posting.Lock()
	return l.posting.Unlock
}

// skew says that some clock is off from now on, or is right again.
func (l *load) skew(off bool) {
	until := time.Now().Add(time.Hour)
	if !off {
		until = time.Now().Add(10 * time.Second) // what is under way has ended by then
	}
	l.skewed.Store(&until)
}

// badClock reports whether a refusal is about a timestamp, while a clock may be off: what
// is right now lies in the future then, or too far in the past.
func (l *load) badClock(p *client.Problem) bool {
	until := l.skewed.Load()
	return until != nil && time.Now().Before(*until) && p.Status == http.StatusBadRequest &&
		len(p.Errors) > 0 && p.Errors[0].Field == "timestamp"
}

// run starts a client that posts what next returns, pause on average after each answer.
func (l *load) run(sending, trying context.Context, name string, pause time.Duration,
	next func(name string, n int, random *rand.Rand) []client.Event) {
	random := rand.New(rand.NewPCG(uint64(l.seed), uint64(len(name))<<32+uint64(name[len(name)-1])))
	// Half of the clients give up an attempt before ingest does, and so repeat events that
	// are still in its hands.
	timeout := 7 * time.Second
	if random.IntN(2) == 0 {
		timeout = time.Second
	}
	repeated := false
	c := l.client(timeout, &repeated)
	l.clients.Go(func() {
		for n := 0; sending.Err() == nil; n++ {
			l.posting.RLock()
			events := next(name, n, random)
			repeated = false
			err := l.post(trying, c, name, n, events)
			var refused *client.Problem
			switch {
			case err == nil:
				l.journal.ack(events)
			case errors.As(err, &refused) && l.badClock(refused):
				if repeated { // an attempt before may have been counted
					l.journal.giveUp(events)
				}
			case errors.As(err, &refused) && refused.Status < 500:
				l.t.Errorf("client %s was refused: %v", name, err)
				l.posting.RUnlock()
				return
			default:
				l.journal.fail(err)
				l.journal.giveUp(events)
			}
			l.posting.RUnlock()
			select {
			case <-sending.Done():
			case <-time.After(pause/2 + time.Duration(random.Int64N(int64(pause)))):
			}
		}
	})
}

// underKey begins the names of clients that send each batch under a key, without ids.
const underKey = "keyed-"

// post posts the n-th events of a client. Those that have a key are posted twice at times: unless
// writes were lost, the second time all of them are duplicates.
func (l *load) post(
	ctx context.Context, c *client.Client, name string, n int, events []client.Event,
) error {
	if !strings.HasPrefix(name, underKey) {
		_, err := c.Post(ctx, events)
		return err
	}
	key := fmt.Sprint(name, "-", n)
	_, err := c.PostUnder(ctx, key, events)
	if err != nil || n%3 > 0 {
		return err
	}
	again, err := c.PostUnder(ctx, key, events)
	if err == nil && again.Accepted > 0 && !l.journal.lossy() {
		l.t.Errorf("client %s: %d events of batch %d were counted a second time", name, again.Accepted, n)
	}
	return err
}

// client is a client of the ingests that gives each attempt timeout. It sets repeated when
// it tries again.
func (l *load) client(timeout time.Duration, repeated *bool) *client.Client {
	return &client.Client{
		URL:     "http://ingest",
		HTTP:    &http.Client{Timeout: timeout, Transport: l.spread},
		OnRetry: func(err error, _ time.Duration) { *repeated = true; l.journal.fail(err) },
		Jitter: func(limit time.Duration) time.Duration {
			return rand.N(min(limit, 300*time.Millisecond))
		},
	}
}

// mixed returns batches of most/2 to most events with ids, for any tenant and time.
func (l *load) mixed(most int) func(string, int, *rand.Rand) []client.Event {
	return func(name string, n int, random *rand.Rand) []client.Event {
		events := make([]client.Event, most-random.IntN(most/2+1))
		for i := range events {
			events[i] = client.Event{
				Tenant:  tenants[random.IntN(len(tenants))].name,
				Feature: fmt.Sprint("feature ", random.IntN(4)),
				Tokens:  1 + random.Int64N(1000), ID: fmt.Sprintf("%s-%d-%d", name, n, i),
				Timestamp: moment(random),
			}
		}
		return events
	}
}

// backfill returns batches of so many events of one tenant, spread over more features and days than
// one call of ingest.lua takes: its request is staged.
func backfill(size int) func(string, int, *rand.Rand) []client.Event {
	return func(name string, n int, random *rand.Rand) []client.Event {
		tenant := tenants[random.IntN(len(tenants))].name
		events := make([]client.Event, size)
		for i := range events {
			events[i] = client.Event{
				Tenant: tenant, Feature: fmt.Sprint("backfill ", i%280), Tokens: 1 + random.Int64N(1000),
				ID: fmt.Sprintf("%s-%d-%d", name, n, i),
				Timestamp: time.Now().Add(
					-2*time.Minute - time.Duration(random.Int64N(int64(33*24*time.Hour)))),
			}
		}
		return events
	}
}

// moment is when an event happens: mostly now, else in every range that ingest treats in a
// way of its own.
func moment(random *rand.Rand) time.Time {
	now := time.Now()
	back := func(least, most time.Duration) time.Time {
		return now.Add(-least - time.Duration(random.Int64N(int64(most-least))))
	}
	switch p := random.IntN(100); {
	case p < 60:
		return time.Time{}
	case p < 65:
		return back(-2*time.Minute, 0) // a clock that is ahead
	case p < 80:
		return back(0, 2*time.Minute) // its minute is still open, or opens again
	case p < 90:
		return back(2*time.Minute, time.Hour) // late
	case p < 97:
		return back(time.Hour, 24*time.Hour)
	default:
		return back(24*time.Hour, 34*24*time.Hour)
	}
}

// anonymous returns batches of events without ids, told apart by their tokens.
func anonymous(feature string, size int) func(string, int, *rand.Rand) []client.Event {
	return func(_ string, n int, _ *rand.Rand) []client.Event {
		events := make([]client.Event, size)
		for i := range events {
			events[i] = client.Event{Tenant: anonymousTenant, Feature: feature,
				Tokens: int64(n*size + i + 1)}
		}
		return events
	}
}

// keyed returns batches of events of two tenants without ids, told apart by their tokens.
func keyed(feature string, size int) func(string, int, *rand.Rand) []client.Event {
	next := anonymous(feature, size)
	return func(name string, n int, random *rand.Rand) []client.Event {
		events := next(name, n, random)
		for i := range events {
			if i%2 == 1 {
				events[i].Tenant = tenants[0].name
			}
		}
		return events
	}
}

// spend lets the tenants with a quota use it up, one after another.
func spend(_ string, n int, _ *rand.Rand) []client.Event {
	tenant := quotaTenants[min(n/quotaSteps, len(quotaTenants)-1)]
	return []client.Event{
		{Tenant: tenant, Feature: "chat", Tokens: quotaStep, ID: fmt.Sprint("quota-", n)}}
}
