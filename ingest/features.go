package ingest

import (
	"sync/atomic"
	"time"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// features are those that a committer has seen today: Valkey knows them. It asks about each
// feature once a day, which tells Valkey that the feature is still in use, and its answer to
// all else is a look into a map. It belongs to one committer, except largest.
type features struct {
	day     int64 // UTC, by the process' clock
	seen    map[scripts.Feature]struct{}
	full    map[string]time.Time // tenants without room for another, since when that is known
	largest atomic.Int64         // most features of a tenant that Valkey has told today
}

// today forgets what was seen on an earlier day.
func (f *features) today(now time.Time) {
	if day := now.Unix() / 86400; day != f.day || f.seen == nil {
		f.forget()
		f.day = day
	}
}

// forget makes everything new: a Valkey that has lost writes may not know it any more.
func (f *features) forget() {
	f.seen = map[scripts.Feature]struct{}{}
	f.full = map[string]time.Time{}
	f.largest.Store(0)
}

// fresh are the features among counters that were not seen, with their places in order.
func (f *features) fresh(counters []scripts.Counter) (order []scripts.Feature, at map[scripts.Feature]int) {
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

// add notes that Valkey knows the features.
func (f *features) add(known []scripts.Feature, largest int) {
	for _, key := range known {
		f.seen[key] = struct{}{}
	}
	if int64(largest) > f.largest.Load() {
		f.largest.Store(int64(largest))
	}
}

// fullFor is how long a tenant is taken to have no feature that it can forget.
const fullFor = time.Hour

// isFull notes that a tenant has no room, and nothing to forget.
func (f *features) isFull(tenant string, now time.Time) { f.full[tenant] = now }

// fullOf are the tenants of features that were full lately.
func (f *features) fullOf(features []scripts.Feature, now time.Time) (full map[string]bool) {
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
