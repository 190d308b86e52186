package demo

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// history is the tokens of a billing period that began at start, spread over the time up
// to now: one event per feature and hour, as a nightly import from another system would
// bring them. That is at most 31 · 24 hours · 3 features = 2,232 events, within one
// request. No event lies before start, in the future, or beyond what the API takes.
func history(p profile, tokens int64, start, now time.Time, seed uint64) []client.Event {
	if oldest := now.Add(-meter.MaxAge).Add(time.Hour); start.Before(oldest) {
		start = oldest
	}
	name := fnv.New64a()
	name.Write([]byte(p.tenant.Name))
	rng := rand.New(rand.NewPCG(seed, name.Sum64()))

	var events []client.Event
	var weights []float64
	var sum float64
	for hour := start; len(events) == 0 || hour.Before(now); hour = hour.Add(time.Hour) {
		busy := rhythm(hour.In(p.tenant.Zone))
		for _, f := range p.features {
			into := time.Duration(rng.Float64() * float64(min(time.Hour, now.Sub(hour))))
			events = append(events, client.Event{
				Tenant:    p.tenant.Name,
				Feature:   f.name,
				ID:        fmt.Sprintf("demo-history-%s-%d", start.UTC().Format("20060102"), len(events)),
				Timestamp: hour.Add(into).UTC().Truncate(time.Second),
			})
			w := busy * f.share * f.median * math.Exp(0.3*rng.NormFloat64())
			weights = append(weights, w)
			sum += w
		}
	}
	// Rounding the running sum, and not each part, keeps the total.
	var before, running float64
	for i, w := range weights {
		running += w
		upTo := math.Round(float64(tokens) * running / sum)
		events[i].Tokens = max(1, int64(upTo-before))
		before = upTo
	}
	return events
}
