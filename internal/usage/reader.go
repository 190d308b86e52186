package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

const (
	// roundLimit bounds one round of a reader: a refresh of the view and a script call.
	roundLimit = coverLimit + 3*time.Second
	// roundTenants is the most tenants whose features one call adds up: 10 features each
	// hold up Valkey for less than 1 ms.
	roundTenants = 32
)

// coalescer answers questions about single tenants of a shard, a round at a time: the next script
// call answers all questions that wait while one is under way. A question is answered by a call
// that began after it was asked, so an answer contains every event acknowledged before. At 64
// connections this takes a tenth of the time of Valkey that one call per question would take.
type coalescer struct {
	live  *Live
	shard int

	mu      sync.Mutex
	waiting []question
	running bool // a goroutine is answering, and will check waiting again
}

// question asks for a tenant's usage with its features.
type question struct {
	tenant meter.Tenant
	answer chan<- answer // has room
}

type answer struct {
	usage meter.Usage
	err   error
}

// ask waits for the answer or the end of ctx. Several callers may get the same slice of
// features and must not change it.
func (r *coalescer) ask(ctx context.Context, tenant meter.Tenant) (meter.Usage, error) {
	answers := make(chan answer, 1)
	r.mu.Lock()
	r.waiting = append(r.waiting, question{tenant, answers})
	if !r.running {
		r.running = true
		go r.run()
	}
	r.mu.Unlock()
	select {
	case a := <-answers:
		return a.usage, a.err
	case <-ctx.Done():
		return meter.Usage{}, fmt.Errorf("wait for usage: %w", ctx.Err())
	}
}

// run answers until no question waits.
func (r *coalescer) run() {
	for {
		r.mu.Lock()
		round := r.waiting
		r.waiting = nil
		if len(round) == 0 {
			r.running = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()

		at := map[string]int{}
		var tenants []meter.Tenant
		for _, q := range round {
			if _, ok := at[q.tenant.Name]; !ok {
				at[q.tenant.Name] = len(tenants)
				tenants = append(tenants, q.tenant)
			}
		}
		answers := make([]answer, 0, len(tenants))
		for part := range slices.Chunk(tenants, roundTenants) {
			answers = append(answers, r.read(part)...)
		}
		for _, q := range round {
			q.answer <- answers[at[q.tenant.Name]]
		}
	}
}

// read answers for each of tenants.
func (r *coalescer) read(tenants []meter.Tenant) []answer {
	ctx, cancel := context.WithTimeout(context.Background(), roundLimit)
	defer cancel()
	answers := make([]answer, len(tenants))
	reading := r.live.readCovered(ctx, tenants)
	unsettled, totals, err := r.features(ctx, reading.Query())
	if errors.Is(err, scripts.ErrRewound) {
		unsettled, totals = make([][]meter.FeatureUsage, len(tenants)), nil
	} else if err != nil {
		for i := range answers {
			answers[i].err = err
		}
		return answers
	}
	for i, usage := range reading.Usage(totals, r.live.now()) {
		usage.Features = unsettled[i]
		usage.Stale = usage.Stale || unsettled[i] == nil
		if s := reading.settled[i]; s != nil {
			usage.Features = addFeatures(unsettled[i], s.features)
		}
		slices.SortFunc(usage.Features, func(a, b meter.FeatureUsage) int {
			return cmp.Or(cmp.Compare(b.Used[meter.Tokens], a.Used[meter.Tokens]),
				cmp.Compare(a.Feature, b.Feature))
		})
		answers[i].usage = usage
	}
	return answers
}

// features returns the unsettled usage of each tenant of q by feature, and its sum. A tenant with
// too many counters for one call has no features, but still its sum. Tenants that shared a call
// with such a tenant are then read again alone, so that no tenant's figures depend on others.
func (r *coalescer) features(ctx context.Context, q scripts.Query) (
	all [][]meter.FeatureUsage, totals []meter.Amounts, err error) {
	if all, err = r.live.valkey.Features(ctx, r.shard, q); err != nil {
		return nil, nil, err
	}
	totals = make([]meter.Amounts, len(all))
	for i, features := range all {
		one := q
		one.Tenants = q.Tenants[i : i+1]
		if features == nil && len(q.Tenants) > 1 {
			alone, err := r.live.valkey.Features(ctx, r.shard, one)
			if err != nil {
				return nil, nil, err
			}
			all[i], features = alone[0], alone[0]
		}
		if features == nil {
			sum, err := r.live.valkey.Totals(ctx, r.shard, one)
			if err != nil {
				return nil, nil, err
			}
			totals[i] = sum[0]
		}
		for _, f := range features {
			totals[i] = totals[i].Add(f.Used)
		}
	}
	return all, totals, nil
}

func addFeatures(a, b []meter.FeatureUsage) []meter.FeatureUsage {
	at := make(map[string]int, len(a)+len(b))
	var sum []meter.FeatureUsage
	for _, f := range slices.Concat(a, b) {
		i, ok := at[f.Feature]
		if !ok {
			at[f.Feature] = len(sum)
			sum = append(sum, f)
			continue
		}
		sum[i].Used = sum[i].Used.Add(f.Used)
	}
	return sum
}
