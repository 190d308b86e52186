package outbox

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

const (
	// breakerTrips is how many requests in a row a host must leave unanswered before its breaker
	// opens.
	breakerTrips = 5
	// breakerPause is how long a breaker stays open before one request may try.
	breakerPause = 30 * time.Second
)

// breakers hold back the retries for hosts that do not answer, so that these do not occupy the
// alerter's requests for 10 s each time. An answer with any status proves that a host is alive; the
// status concerns only that webhook.
//
// The first attempt of a delivery is never held back. Many tenants may share a host, and one whose
// webhook hangs must not delay the others' alerts.
type breakers struct {
	pause time.Duration
	state *prometheus.GaugeVec

	mu    sync.Mutex
	trips int // how often breakers have opened
	// hosts whose last request was not answered or is in flight
	hosts map[string]*gobreaker.TwoStepCircuitBreaker[any]
}

func newBreakers(pause time.Duration, state *prometheus.GaugeVec) *breakers {
	return &breakers{pause: pause, state: state,
		hosts: map[string]*gobreaker.TwoStepCircuitBreaker[any]{}}
}

// held returns the hosts that get no retries now: their breakers are open, or half-open with the
// one trial request in flight.
func (b *breakers) held(inFlight map[string]int) (hosts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := map[gobreaker.State]int{}
	for host, breaker := range b.hosts {
		state := breaker.State()
		count[state]++
		if state == gobreaker.StateOpen || state == gobreaker.StateHalfOpen && inFlight[host] > 0 {
			hosts = append(hosts, host)
		}
	}
	for _, state := range []gobreaker.State{
		gobreaker.StateClosed, gobreaker.StateHalfOpen, gobreaker.StateOpen,
	} {
		b.state.WithLabelValues(state.String()).Set(float64(count[state]))
	}
	return hosts
}

// begin records a request to a host. The caller must call ended with whether the host answered;
// ended reports whether that opened the breaker.
func (b *breakers) begin(host string) (ended func(answered bool) (opened bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	breaker := b.hosts[host]
	if breaker == nil {
		breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
			Timeout: b.pause,
			ReadyToTrip: func(c gobreaker.Counts) bool {
				return c.ConsecutiveFailures >= breakerTrips
			},
			// Like all calls of a breaker, it runs under mu.
			OnStateChange: func(_ string, _, to gobreaker.State) {
				if to == gobreaker.StateOpen {
					b.trips++
				}
			},
		})
		b.hosts[host] = breaker
	}
	done, err := breaker.Allow()
	if err != nil { // a first or last attempt, which is sent anyway
		done = func(error) {}
	}
	return func(answered bool) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if answered {
			done(nil)
			delete(b.hosts, host) // its next request starts with a new breaker
			return false
		}
		before := b.trips
		done(errNoAnswer)
		return b.trips > before
	}
}

var errNoAnswer = errors.New("no answer")
