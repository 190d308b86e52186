package scripts

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxBytes is the most memory that a remembered id may take.
const maxBytes = 40

// fill sends n ids that are different in each round, 5,000 a call.
func (r *rig) fill(round, n int) {
	r.Helper()
	ids := make([]EventID, 0, 5000)
	for i := range n {
		ids = append(ids, EventID{"acme", fmt.Sprintf("0198f3c2-7a4e-7cc1-%04d-%012d", round, i), "content"})
		if len(ids) == cap(ids) || i == n-1 {
			g := r.group()
			g.IDs = ids
			r.ingest(g)
			ids = ids[:0]
		}
	}
}

// memory is a number from Valkey's INFO memory, in bytes.
func (r *rig) memory(name string) int64 {
	r.Helper()
	text, err := r.client.Info(r.Context(), "memory").Result()
	if err != nil {
		r.Fatal(err)
	}
	m := regexp.MustCompile(`\n` + name + `:(\d+)`).FindStringSubmatch(text)
	if m == nil {
		r.Fatalf("INFO memory has no %s", name)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// encodings counts the buckets by their encoding.
func (r *rig) encodings() map[string]int {
	r.Helper()
	count := map[string]int{}
	scan := r.client.Scan(r.Context(), 0, seenPrefix(0)+"*", 5000).Iterator()
	pipe := r.client.Pipeline()
	for scan.Next(r.Context()) {
		pipe.ObjectEncoding(r.Context(), scan.Val())
	}
	cmds, err := pipe.Exec(r.Context())
	if err != nil || scan.Err() != nil {
		r.Fatal(err, scan.Err())
	}
	for _, cmd := range cmds {
		count[cmd.(*redis.StringCmd).Val()]++
	}
	return count
}

// At the fullest that a slice becomes, and with the smallest limit that is in use.
func TestBucketsAreSmall(t *testing.T) {
	t.Parallel()
	r := ownRig(t)
	if err := r.client.ConfigSet(t.Context(), "hash-max-listpack-entries", "128").Err(); err != nil {
		t.Fatal(err)
	}
	const ids = 100_000
	r.begin(slice{1, time.Now(), ids / mostInBucket, 0})
	before := r.memory("used_memory")
	r.fill(0, ids)
	if perID := float64(r.memory("used_memory")-before) / ids; perID > maxBytes {
		t.Errorf("%.1f bytes an id, want at most %d", perID, maxBytes)
	}
	if got := r.encodings(); got["listpack"] < ids/mostInBucket*9/10 || len(got) != 1 {
		t.Errorf("encodings of the buckets: %v, want only listpack", got)
	}
}

// BenchmarkMemory reports Valkey's memory for an id: its own count, and what the system
// gives the process. The latter counts the gaps that a first slice leaves behind as it
// grows; the next slices fill them.
func BenchmarkMemory(b *testing.B) {
	for _, c := range []struct {
		slices, each int // ids in a slice
		fill         int // ids in a bucket, 0 for what a new deployment begins with
	}{
		{1, 1_000_000, 10},
		{1, 1_000_000, 50},
		{1, 1_000_000, 64},
		{3, 1_000_000, 50},
		{1, 3_000_000, 0},
	} {
		b.Run(fmt.Sprintf("slices=%d/ids=%d/fill=%d", c.slices, c.slices*c.each, c.fill), func(b *testing.B) {
			for b.Loop() {
				r := ownRig(b)
				used, rss := r.memory("used_memory"), r.memory("used_memory_rss")
				for n := range c.slices {
					if c.fill > 0 {
						r.begin(slice{n + 1, time.Now(), c.each / c.fill, 0})
					}
					r.fill(n, c.each)
				}
				ids := float64(c.slices * c.each)
				b.ReportMetric(float64(r.memory("used_memory")-used)/ids, "B/id")
				r.client.Do(b.Context(), "MEMORY", "PURGE") // what the allocator would give back in seconds
				b.ReportMetric(float64(r.memory("used_memory_rss")-rss)/ids, "rss-B/id")
				b.ReportMetric(float64(len(r.slices())), "slices")
				b.ReportMetric(float64(r.encodings()["hashtable"]), "hashtables")
			}
		})
	}
}

// plainLua remembers ids the simple way, a key for each: what the buckets are compared with.
const plainLua = `#!lua
for i = 1, #KEYS do if redis.call('GET', KEYS[i]) then return 0 end end
for i = 1, #KEYS do redis.call('SET', KEYS[i], '0123456789ab', 'PX', 3600000) end
return 1`

// BenchmarkIDs reports the time that Valkey spends for an id in a call with that many,
// when three full slices are asked, and beside it that for a key each. They take turns,
// and the quickest call of each counts, so that the ratio holds on a busy machine too.
func BenchmarkIDs(b *testing.B) {
	plain := redis.NewScript(plainLua)
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint("ids=", n), func(b *testing.B) {
			r := newRig(b)
			for i := range 3 {
				r.begin(slice{i + 1, time.Now(), leastBuckets, 0})
				r.fill(i, leastBuckets*50)
			}
			last := r.slices()[0]
			if err := plain.Load(b.Context(), r.client).Err(); err != nil { // a call before would count as a quick one
				b.Fatal(err)
			}
			keyEach, without, with := math.Inf(1), math.Inf(1), math.Inf(1)
			timed := func(into *float64, run func()) {
				before := valkeyMicros(b, r)
				run()
				*into = min(*into, valkeyMicros(b, r)-before)
			}
			for calls := 0; b.Loop(); calls++ {
				r.client.LSet(b.Context(), slicesKey(0), 0, last.String()) // stays as full as it is
				keys, ids := make([]string, n), make([]EventID, n)
				for e := range n {
					id := fmt.Sprintf("0198f3c2-7a4e-7cc1-%d-%d", calls, e)
					keys[e], ids[e] = prefix(0)+"acme\t"+id, EventID{"acme", id, "content"}
				}
				timed(&keyEach, func() {
					if err := plain.Run(b.Context(), r.client, keys).Err(); err != nil {
						b.Fatal(err)
					}
				})
				g := r.group(chat(1))
				timed(&without, func() { r.only(r.ingestCall(0, g, window, Query{}, "id")) })
				g = r.group(chat(1))
				g.IDs = ids
				timed(&with, func() { r.only(r.ingestCall(0, g, window, Query{}, "id")) })
			}
			b.ReportMetric((with-without)/float64(n), "valkey-µs/id")
			b.ReportMetric(keyEach/float64(n), "key-each-µs/id")
			b.ReportMetric((with-without)/keyEach, "ratio")
		})
	}
}
