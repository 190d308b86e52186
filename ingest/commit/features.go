package commit

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// features are the features that a committer has seen today, which Valkey therefore knows. The
// committer asks Valkey about each feature once a day, which tells Valkey that the feature is still
// in use. For all other events it looks into a map. It is safe for concurrent use: a committer and
// its stagers share it.
type features struct {
	mu      sync.RWMutex
	day     int64 // UTC, by the process' clock
	seen    map[scripts.Feature]struct{}
	full    map[string]time.Time // tenants without room, and since when
	largest atomic.Int64         // most features of a tenant that Valkey has reported today
}

// today forgets what was seen on an earlier day.
func (f *features) today(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if day := now.Unix() / 86400; day != f.day || f.seen == nil {
		f.clear()
		f.day = day
	}
}

// forget treats all features as new: a Valkey that has lost writes may not know them any more.
func (f *features) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clear()
}

func (f *features) clear() {
	f.seen = map[scripts.Feature]struct{}{}
	f.full = map[string]time.Time{}
	f.largest.Store(0)
}

// fresh returns the features among counters that were not seen, with their places in order.
func (f *features) fresh(
	counters []scripts.Counter) (order []scripts.Feature, at map[scripts.Feature]int) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for i := range counters {
		key := scripts.Feature{Tenant: counters[i].Tenant, Feature: counters[i].Feature}
		if _, ok := f.seen[key]; ok {
			continue
		}
		if _, ok := at[key]; ok {
			continue
		}
		if at == nil {
			at = map[scripts.Feature]int{}
		}
		at[key] = len(order)
		order = append(order, key)
	}
	return order, at
}

// unseen counts the counters whose features were not seen, and about how many tenants they have:
// adjacent counters of one tenant count once.
func (f *features) unseen(counters []scripts.Counter) (features, tenants int) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	last := ""
	for i := range counters {
		c := &counters[i]
		if _, ok := f.seen[scripts.Feature{Tenant: c.Tenant, Feature: c.Feature}]; ok {
			continue
		}
		features++
		if c.Tenant != last {
			tenants, last = tenants+1, c.Tenant
		}
	}
	return features, tenants
}

// add notes that Valkey knows the features.
func (f *features) add(known []scripts.Feature, largest int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range known {
		f.seen[key] = struct{}{}
	}
	if int64(largest) > f.largest.Load() {
		f.largest.Store(int64(largest))
	}
}

// fullFor is how long a tenant is assumed to have no feature that Valkey can forget.
const fullFor = time.Hour

// isFull notes that a tenant has no room, and no feature that Valkey can forget.
func (f *features) isFull(tenant string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full[tenant] = now
}

// fullOf returns the tenants of features that were full lately.
func (f *features) fullOf(features []scripts.Feature, now time.Time) (full map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range features {
		since, ok := f.full[one.Tenant]
		if !ok {
			continue
		}
		if now.Sub(since) >= fullFor {
			delete(f.full, one.Tenant)
			continue
		}
		if full == nil {
			full = map[string]bool{}
		}
		full[one.Tenant] = true
	}
	return full
}
