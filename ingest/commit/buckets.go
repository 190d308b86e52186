package commit

import (
	"maps"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// buckets remembers how full rate limits were when Valkey last said so, to refuse what it
// would refuse without asking again. That is exact: between two looks a bucket only drains,
// at its rate, or is filled by others. So it is never emptier than the last look less what
// has drained since, and since is counted from before the call, by this machine's monotonic
// clock. A rate that has changed is asked for. Only a jump of Valkey's clock, or its loss of
// the bucket, makes a refusal last longer than Valkey's own would: at most until this one
// would have drained. It is safe for concurrent use.
type buckets struct {
	now func() time.Time // monotonic

	mu    sync.Mutex
	known map[bucketName]bucket
	most  int // known is swept when it grows beyond
}

// bucketName is a bucket of a shard: a key has one in each.
type bucketName struct {
	shard  int
	bucket string
}

// bucket was at least at level, in millionths of an event, at some time after at.
type bucket struct {
	rate  meter.Rate
	level int64
	at    time.Time
}

// micro is the part of an event that levels count.
const micro = 1_000_000

const fewBuckets = 1024

func newBuckets(now func() time.Time) *buckets {
	return &buckets{now: now, known: map[bucketName]bucket{}, most: fewBuckets}
}

// wait is how long a charge would be refused for certain, 0 if it may pass.
func (b *buckets) wait(shard int, c charge) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, ok := b.known[bucketName{shard, c.bucket}]
	if !ok || was.rate != c.rate {
		return 0
	}
	return waitFor(c, was.left(b.now()))
}

// waitFor is how long a charge waits at a level, as limits.lua counts it.
func waitFor(c charge, level int64) time.Duration {
	over := level + int64(c.events)*micro - c.rate.Burst*micro
	if over <= 0 {
		return 0
	}
	return time.Duration((over+c.rate.PerSecond-1)/c.rate.PerSecond) * time.Microsecond
}

// left is the level at now.
func (b bucket) left(now time.Time) int64 {
	elapsed := now.Sub(b.at).Microseconds()
	if elapsed > b.level/b.rate.PerSecond {
		return 0
	}
	return b.level - elapsed*b.rate.PerSecond
}

// note keeps what a call that began at the given time has said of a bucket.
func (b *buckets) note(shard int, name string, rate meter.Rate, level int64, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(bucketName{shard, name}, bucket{rate, level, at})
}

// add makes a bucket fuller, whatever it holds: at most twice its burst, or a client that was
// refused once would wait for ever.
func (b *buckets) add(shard int, c charge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name, now := bucketName{shard, c.bucket}, b.now()
	level := int64(0)
	if was, ok := b.known[name]; ok && was.rate == c.rate {
		level = was.left(now)
	}
	level = min(level+int64(c.events)*micro, 2*c.rate.Burst*micro)
	b.put(name, bucket{c.rate, level, now})
}

func (b *buckets) put(name bucketName, one bucket) {
	b.known[name] = one
	if len(b.known) > b.most {
		now := b.now()
		maps.DeleteFunc(b.known, func(_ bucketName, one bucket) bool { return one.left(now) == 0 })
		b.most = max(fewBuckets, 2*len(b.known))
	}
}
