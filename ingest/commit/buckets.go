package commit

import (
	"maps"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// buckets remembers how full rate limits were when Valkey last reported them, so that a request
// that Valkey would refuse is refused without a call. That is exact: between two reports a bucket
// only drains, at its rate, or others fill it. So it is never emptier than the last report less the
// drain since then, and the drain counts from before the call, by this machine's monotonic clock.
// If a rate has changed, Valkey decides. Only a jump of Valkey's clock, or its loss of the bucket,
// makes a refusal last longer than Valkey's would: at most until the remembered bucket would have
// drained. It is safe for concurrent use.
type buckets struct {
	now func() time.Time // monotonic

	mu    sync.Mutex
	known map[bucketName]bucket
	most  int // known is swept when it grows beyond this
}

// bucketName names a bucket of a shard: a key has one in each shard.
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

// micro is the fraction of an event in which levels are counted.
const micro = 1_000_000

const fewBuckets = 1024

func newBuckets(now func() time.Time) *buckets {
	return &buckets{now: now, known: map[bucketName]bucket{}, most: fewBuckets}
}

// wait is how long a charge is certain to be refused; 0 if it may pass.
func (b *buckets) wait(shard int, c charge) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, ok := b.known[bucketName{shard, c.bucket}]
	if !ok || was.rate != c.rate {
		return 0
	}
	return waitFor(c, was.left(b.now()))
}

// waitFor is how long a charge waits at a level, by the same formula as limits.lua.
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

// note remembers the level of a bucket that a call reported. The call began at the given time.
func (b *buckets) note(shard int, name string, rate meter.Rate, level int64, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(bucketName{shard, name}, bucket{rate, level, at})
}

// add makes a bucket fuller, up to twice its burst whatever it holds. Beyond that, a client that
// was refused once would wait for ever.
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
