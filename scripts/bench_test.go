package scripts

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// The benchmarks report what Valkey itself measures for a script, without fsync and
// network, as valkey-µs/op. The contracts' figures are from there.

// valkeyMicros is the time that Valkey has spent in scripts so far.
func valkeyMicros(b *testing.B, r *rig) float64 {
	b.Helper()
	info, err := r.client.Info(b.Context(), "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(`cmdstat_evalsha:calls=\d+,usec=(\d+)`).FindStringSubmatch(info)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// measure runs one call per iteration; between two of them prepare, if not nil, sets
// the stage, by other means than scripts.
func measure(b *testing.B, r *rig, prepare func(), run func(i int)) {
	b.Helper()
	b.ReportAllocs()
	run(-1) // loads the script
	start, n := valkeyMicros(b, r), 0
	for b.Loop() {
		if prepare != nil {
			b.StopTimer()
			prepare()
			b.StartTimer()
		}
		run(n)
		n++
	}
	b.ReportMetric((valkeyMicros(b, r)-start)/float64(n), "valkey-µs/op")
}

// only makes one call without the query that Ingest appends.
func (r *rig) only(c call) {
	r.Helper()
	if _, err := r.run(r.Context(), nil, c); err != nil {
		r.Fatal(err)
	}
}

func names(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("customer-%d", i))
	}
	return names
}

func BenchmarkIngest(b *testing.B) {
	for _, late := range []bool{false, true} {
		for _, withIDs := range []bool{false, true} {
			for _, c := range []struct{ events, tenants int }{{1, 1}, {10, 1}, {10, 10}, {100, 1}, {100, 100}, {1000, 1}, {1000, 1000}} {
				b.Run(fmt.Sprintf("late=%t/ids=%t/events=%d/tenants=%d", late, withIDs, c.events, c.tenants), func(b *testing.B) {
					r := newRig(b)
					g := r.group()
					g.Lines = make([]byte, 110*c.events)
					for _, name := range names(c.tenants) {
						n := counter(name, "gpt-4-turbo", 1500)
						n.Amounts[meter.Events], n.Late = int64(c.events/c.tenants), late
						g.Counters = append(g.Counters, n)
					}
					measure(b, r, nil, func(i int) {
						g.Number++
						if withIDs {
							g.IDs = nil
							for e := range c.events {
								g.IDs = append(g.IDs, EventID{"customer", fmt.Sprintf("0198f3c2-7a4e-7cc1-%d-%d", i, e), "0123456789ab"})
							}
						}
						r.only(r.ingestCall(0, g, window, Query{}, "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e"))
					})
				})
			}
		}
	}
}

func BenchmarkUsage(b *testing.B) {
	for _, hashes := range []int{1, 2, 4, 32} {
		for _, tenants := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("hashes=%d/tenants=%d", hashes, tenants), func(b *testing.B) {
				r := newRig(b)
				var q Query
				for _, name := range names(tenants) {
					q.Tenants = append(q.Tenants, meter.TenantDays{Tenant: name, From: today - 20, To: today + 10})
				}
				for h := range hashes {
					var counters []Counter
					for _, name := range names(tenants) {
						n := counter(name, "gpt-4-turbo", 1500)
						n.Minute -= int64(h)
						counters = append(counters, n)
					}
					r.add(counters...)
				}
				measure(b, r, nil, func(int) { r.only(usageCall(0, q, "totals")) })
			})
		}
	}
}

// BenchmarkParts reads what tenants have in two open minutes, in the calls that an overview
// makes: valkey-µs/op is the time of all of them together. long is a Valkey that has waited an hour for Postgres.
func BenchmarkParts(b *testing.B) {
	for _, c := range []struct {
		name            string
		hashes, tenants int
	}{{"tenants=1", 2, 1}, {"tenants=1000", 2, 1000}, {"tenants=10000", 2, 10_000}, {"long/tenants=1000", 60, 1000}} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b)
			for h := range c.hashes {
				var counters []Counter
				for _, name := range names(c.tenants) {
					n := counter(name, "gpt-4-turbo", 1500)
					n.Minute -= int64(h)
					counters = append(counters, n)
				}
				for part := range slices.Chunk(counters, 1000) {
					r.add(part...)
				}
			}
			tenants := names(c.tenants)
			measure(b, r, nil, func(int) {
				if _, err := r.Parts(b.Context(), 0, 0, nil, tenants, c.hashes); err != nil {
					b.Fatal(err)
				}
			})
			calls := (c.tenants + partsTenants(c.hashes) - 1) / partsTenants(c.hashes)
			b.ReportMetric(float64(calls), "calls/op")
		})
	}
}

func BenchmarkFeatures(b *testing.B) {
	for _, features := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("hashes=2/features=%d", features), func(b *testing.B) {
			r := newRig(b)
			var counters []Counter
			for i := range features {
				counters = append(counters, counter("acme", fmt.Sprintf("feature-%d", i), 1500))
				counters = append(counters, counters[len(counters)-1])
				counters[len(counters)-1].Minute--
			}
			r.add(counters...)
			q := Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today - 20, To: today + 10}}}
			measure(b, r, nil, func(int) { r.only(usageCall(0, q, "features")) })
		})
	}
}

// turns are what a script of the flusher may find.
var turns = []struct{ events, tenants int }{{1, 1}, {10, 1}, {100, 1}, {1000, 1}, {1000, 1000}}

// stage leaves a raw list and late counters behind, without a script that would count.
func (r *rig) stage(events, tenants int) {
	r.Helper()
	pipe := r.client.Pipeline()
	pipe.RPush(r.Context(), rawKey(0), make([]byte, 110*events))
	for _, name := range names(tenants) {
		pipe.HSet(r.Context(), lateKey(0), "s\t20625\t"+name, 1500)
	}
	if _, err := pipe.Exec(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// BenchmarkTurn measures a turn of the flusher, seal.lua, ack.lua and drop.lua: what is
// sealed is acknowledged, and what was acknowledged in the turn before is dropped.
func BenchmarkTurn(b *testing.B) {
	for _, c := range turns {
		b.Run(fmt.Sprintf("events=%d/tenants=%d", c.events, c.tenants), func(b *testing.B) {
			r := newRig(b)
			stage := func() { r.stage(c.events, c.tenants) }
			stage()
			measure(b, r, stage, func(int) {
				sealed := r.seal(now)
				if len(sealed.Raw) != 1 || len(sealed.Sums) != 1 {
					b.Fatalf("sealed %+v", sealed)
				}
				r.ack(ids(sealed.Raw), ids(sealed.Sums))
				if err := r.Drop(b.Context(), 0, sealed.Settled); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkRewind measures what a recovery does in Valkey, rewind.lua, remember.lua and
// resume.lua, with an event id for each event; the batches are acknowledged in between.
func BenchmarkRewind(b *testing.B) {
	for _, c := range turns {
		b.Run(fmt.Sprintf("events=%d/tenants=%d", c.events, c.tenants), func(b *testing.B) {
			r := newRig(b)
			var remembered []EventID
			for i := range c.events {
				remembered = append(remembered, EventID{Tenant: "customer-0", ID: fmt.Sprint("event-", i)})
			}
			stage := func() {
				r.stage(c.events, c.tenants)
				if err := r.client.Set(b.Context(), rewoundKey(0), "marker 7 for a test", 0).Err(); err != nil {
					b.Fatal(err)
				}
			}
			stage()
			measure(b, r, stage, func(int) {
				all, ok, err := r.SealAll(b.Context(), 0)
				if err != nil || !ok {
					b.Fatalf("%t, %v", ok, err)
				}
				r.ack(ids(all.Raw), ids(all.Sums))
				if err := r.Remember(b.Context(), 0, all.ID, window, remembered); err != nil {
					b.Fatal(err)
				}
				if err := r.Resume(b.Context(), 0, all.ID, all.Position); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
