package query

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// row is a tenant in a list. It is immutable but for being encoded once.
type row struct {
	usage.Recent // AsOf is when the figures were first read
	projection   meter.Projection
	projected    bool
	encoded      sync.Once
	// head and sparkline are the row as JSON without its braces, in two parts: most
	// sparklines change once a minute.
	head, sparkline []byte
}

// totals are over all tenants that are not archived.
type totals struct {
	tenants    int
	used       meter.Amounts
	overQuota  int     // the quota is used up
	nearQuota  int     // it is not, but a threshold is reached
	eventsRate float64 // below 0: not told
}

// Snapshot is all tenants at one time. Its rows are shared by all lists made of it.
type Snapshot struct {
	rows   []*row // by name
	totals totals
	AsOf   time.Time
	Stale  bool
}

// Snapshotter makes a snapshot of each overview. A row whose figures are still the same is taken from
// the snapshot before, encoded: for 10,000 tenants that is most of the work. It is safe for
// concurrent use.
type Snapshotter struct{ last atomic.Pointer[Snapshot] }

// Of makes the snapshot of an overview.
func (s *Snapshotter) Of(o usage.Overview) *Snapshot {
	next := &Snapshot{rows: make([]*row, len(o.Tenants)), AsOf: o.AsOf, Stale: o.Stale,
		totals: totals{eventsRate: o.EventsPerSecond}}
	var before []*row // those of the last snapshot that are not passed yet; both are by name
	sameMinute := false
	if last := s.last.Load(); last != nil {
		before = last.rows
		sameMinute = last.AsOf.Truncate(time.Minute).Equal(o.AsOf.Truncate(time.Minute))
	}
	for i := range o.Tenants {
		recent := &o.Tenants[i]
		for len(before) > 0 && before[0].Tenant.Name < recent.Tenant.Name {
			before = before[1:]
		}
		if sameMinute && len(before) > 0 && before[0].Same(recent) {
			next.rows[i] = before[0]
		} else {
			next.rows[i] = &row{Recent: *recent}
			next.rows[i].projection, next.rows[i].projected = project(recent.Usage)
		}
		if !recent.Tenant.Archived {
			next.totals.add(recent.Usage)
		}
	}
	s.last.Store(next)
	return next
}

// of is the snapshot of one tenant, or of all for "". How busy the others are is not told.
func (s *Snapshot) of(tenant string) *Snapshot {
	if tenant == "" {
		return s
	}
	own := &Snapshot{AsOf: s.AsOf, totals: totals{eventsRate: -1}}
	byName := func(r *row, name string) int { return strings.Compare(r.Tenant.Name, name) }
	at, ok := slices.BinarySearchFunc(s.rows, tenant, byName)
	if !ok {
		return own
	}
	own.rows, own.Stale = s.rows[at:at+1], s.rows[at].Stale
	if !s.rows[at].Tenant.Archived {
		own.totals.add(s.rows[at].Usage)
	}
	return own
}

func (t *totals) add(u meter.Usage) {
	t.tenants++
	t.used = t.used.Add(u.Used)
	thresholds := u.Tenant.Thresholds // ascending
	switch {
	case meter.Reached(u.Used[meter.Tokens], u.Tenant.Quota, 100):
		t.overQuota++
	case len(thresholds) > 0 && meter.Reached(u.Used[meter.Tokens], u.Tenant.Quota, thresholds[0]):
		t.nearQuota++
	}
}

// project is where usage is heading as seen at the start of the current minute: figures that
// moved with every instant would make each answer a new one.
func project(u meter.Usage) (meter.Projection, bool) {
	u.AsOf = u.AsOf.Truncate(time.Minute)
	return u.Project()
}

// encode fills head and sparkline.
func (r *row) encode() {
	r.encoded.Do(func() {
		b := answer.AppendUsage(make([]byte, 0, 480), r.Usage)
		b = appendSettings(b, r.Tenant)
		if r.Tenant.Archived {
			b = append(b, `,"archived":true`...)
		}
		r.head = appendProjection(b, r.projection, r.projected)
		minutes := r.AppendMinutes(make([]int64, 0, usage.RecentMinutes))
		r.sparkline = appendSparkline(make([]byte, 0, 160), minutes)
	})
}

// append appends the row as JSON.
func (r *row) append(b []byte) []byte {
	b = append(append(b, '{'), r.head...)
	return append(append(b, r.sparkline...), '}')
}

func appendSettings(b []byte, t meter.Tenant) []byte {
	b = append(b, `,"thresholds":[`...)
	for i, threshold := range t.Thresholds {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(threshold), 10)
	}
	return answer.AppendString(append(b, `],"timezone":`...), t.Zone.String())
}

func appendProjection(b []byte, p meter.Projection, ok bool) []byte {
	if !ok {
		return append(b, `,"perDay":null,"projectedTokens":null,"exhaustedAt":null`...)
	}
	b = strconv.AppendInt(append(b, `,"perDay":`...), p.PerDay, 10)
	b = strconv.AppendInt(append(b, `,"projectedTokens":`...), p.Total, 10)
	if p.Exhausted.IsZero() {
		return append(b, `,"exhaustedAt":null`...)
	}
	return answer.AppendTime(append(b, `,"exhaustedAt":`...), p.Exhausted)
}

func appendSparkline(b []byte, minutes []int64) []byte {
	b = append(b, `,"sparkline":[`...)
	for i, tokens := range minutes {
		if i > 0 {
			b = append(b, ',')
		}
		if tokens == 0 { // most minutes of most tenants
			b = append(b, '0')
			continue
		}
		b = strconv.AppendInt(b, tokens, 10)
	}
	return append(b, ']')
}

func (t totals) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"tenants":`...), int64(t.tenants), 10)
	b = strconv.AppendInt(append(b, `,"totalTokens":`...), t.used[meter.Tokens], 10)
	b = strconv.AppendInt(append(b, `,"overQuota":`...), int64(t.overQuota), 10)
	b = strconv.AppendInt(append(b, `,"nearQuota":`...), int64(t.nearQuota), 10)
	if t.eventsRate < 0 {
		return append(b, `,"eventsPerSecond":null}`...)
	}
	b = strconv.AppendFloat(append(b, `,"eventsPerSecond":`...), t.eventsRate, 'f', 1, 64)
	return append(b, '}')
}
