package scripts

import (
	"strconv"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// hash is what a call adds to one hash of counters (counters.go), each field once.
type hash struct {
	at     int64 // unix minute; lateHash for late events and staged batches
	fields []field
	counts []int64
	// shared holds the places of the fields that several counters add to; nil while they are few.
	shared map[field]int
}

// lateHash stands for the minute of a hash of late events.
const lateHash = -1

// fewFields is up to how many fields a linear search is faster than a map.
const fewFields = 24

// hashesOf distributes counters over the hashes to which they belong.
func hashesOf(counters []Counter) []*hash {
	var all []*hash
	for i := range counters {
		c := &counters[i]
		at := c.Minute
		if c.Late {
			at = lateHash
		}
		var h *hash
		for _, one := range all { // an open minute or two, and late
			if one.at == at {
				h = one
			}
		}
		if h == nil {
			most := usualFields * len(counters)
			h = &hash{at: at, fields: make([]field, 0, most), counts: make([]int64, 0, most)}
			all = append(all, h)
		}
		h.add(c)
	}
	return all
}

// add adds a counter. h must not have one with the same minute, day, tenant and feature.
func (h *hash) add(c *Counter) {
	for a, n := range c.Amounts {
		if n == 0 && sparse[a] {
			continue
		}
		if kind := totalKind[a]; kind != 0 {
			h.share(field{kind, int64(c.Day), c.Tenant, ""}, n)
		}
		day := field{dayKind[a], int64(c.Day), c.Tenant, c.Feature}
		if !c.Late {
			h.fields, h.counts = append(h.fields, day), append(h.counts, n)
			continue
		}
		h.share(day, n)
		// After a change of zone, a minute can have two days.
		h.share(field{minuteKind[a], c.Minute, c.Tenant, c.Feature}, n)
	}
}

// share adds to a field that several counters may share.
func (h *hash) share(f field, count int64) {
	if h.shared == nil {
		for i := range h.fields {
			if h.fields[i] == f {
				h.counts[i] += count
				return
			}
		}
		if len(h.fields) >= fewFields {
			h.shared = make(map[field]int, cap(h.fields))
			for i, f := range h.fields {
				h.shared[f] = i
			}
		}
	} else if i, ok := h.shared[f]; ok {
		h.counts[i] += count
		return
	}
	if h.shared != nil {
		h.shared[f] = len(h.fields)
	}
	h.fields, h.counts = append(h.fields, f), append(h.counts, count)
}

// key returns h's key; minute returns its minute as ingest.lua expects it.
func (h *hash) key(shard int) string {
	if h.at == lateHash {
		return lateKey(shard)
	}
	return minutePrefix(shard) + strconv.FormatInt(h.at, 10)
}

func (h *hash) minute() string {
	if h.at == lateHash {
		return ""
	}
	return strconv.FormatInt(h.at, 10)
}

// append adds the names of all fields to a call's arguments, and then their counts.
func (h *hash) append(args []any) []any {
	var names []byte
	ends := make([]int, len(h.fields))
	for i := range h.fields {
		names = h.fields[i].append(names)
		ends[i] = len(names)
	}
	text, start := string(names), 0 // one allocation for all names
	for _, end := range ends {
		args = append(args, text[start:end])
		start = end
	}
	for _, n := range h.counts {
		args = append(args, n)
	}
	return args
}

// counterOf returns the place of the first counter that adds to the i-th field of the h-th hash, or
// -1 if there is none.
func (g *Group) counterOf(h, i int) int {
	hashes := g.hashes()
	if h < 0 || h >= len(hashes) || i < 0 || i >= len(hashes[h].fields) {
		return -1
	}
	for n := range g.Counters {
		one := hashesOf(g.Counters[n : n+1])[0]
		for _, f := range one.fields {
			if one.at == hashes[h].at && f == hashes[h].fields[i] {
				return n
			}
		}
	}
	return -1
}

// sumUp returns the tenants of counters, each once, and the number of events.
func sumUp(counters []Counter) (tenants []string, events int64) {
	var known map[string]bool
	for i := range counters {
		events += counters[i].Amounts[meter.Events]
		switch name := counters[i].Tenant; {
		case len(tenants) == 0:
			tenants = append(tenants, name)
		case tenants[len(tenants)-1] == name:
		case known == nil:
			known = map[string]bool{tenants[0]: true, name: true}
			tenants = append(tenants, name)
		case !known[name]:
			known[name] = true
			tenants = append(tenants, name)
		}
	}
	return tenants, events
}
