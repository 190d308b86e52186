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
	largest atomic.Int64 // most features of a tenant that Valkey has told today
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
