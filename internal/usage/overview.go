package usage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Overview is the usage of all tenants at one time. Callers may share it, so it must not be
// changed.
type Overview struct {
	// Tenants are sorted by name, archived ones included.
	Tenants []Recent
	// EventsPerSecond is the rate of acknowledged events over the last 10 s, by all processes
	// together; 0 in the first second of the process.
	EventsPerSecond float64
	// AsOf is the instant of the answer, UTC. Stale is true if any tenant's usage is.
	AsOf  time.Time
	Stale bool
}

// Recent is a tenant's usage, without features, and its last minutes.
type Recent struct {
	meter.Usage
	settled   *minutes
	first     int64 // the first minute to report
	unsettled []scripts.BatchUsage
}

// Same reports whether the figures of both are the same, whenever they were read.
func (r *Recent) Same(other *Recent) bool {
	return r.Used == other.Used && r.Stale == other.Stale && r.Period == other.Period &&
		r.Tenant.Name == other.Tenant.Name && sameSettings(r.Tenant, other.Tenant) &&
		r.first == other.first && r.settled == other.settled &&
		slices.Equal(r.unsettled, other.unsettled)
}

// AppendMinutes appends the tenant's tokens in each of the last RecentMinutes minutes, oldest
// first: the last one is the current minute. An event that arrived more than two minutes late is
// included once it is in Postgres, a second or two later.
func (r *Recent) AppendMinutes(to []int64) []int64 {
	start := len(to)
	to = append(to, make([]int64, RecentMinutes)...)
	if m := r.settled; m != nil {
		if skip := r.first - m.first; skip >= 0 {
			copy(to[start:], m.tokens[min(skip, int64(len(m.tokens))):])
		} else if skip > -RecentMinutes {
			copy(to[start-int(skip):], m.tokens)
		}
	}
	for _, u := range r.unsettled {
		if m := u.Minute - r.first; 0 <= m && m < RecentMinutes {
			to[start+int(m)] = meter.Add(to[start+int(m)], u.Used[meter.Tokens])
		}
	}
	return to
}

// Overview reads every tenant's usage. Callers that wait at the same time share an answer,
// which was begun after each of them asked. It returns an error if Valkey cannot be read.
func (l *Live) Overview(ctx context.Context) (Overview, error) {
	return l.overviews.ask(ctx, l.overview)
}

func (l *Live) overview(ctx context.Context) (Overview, error) {
	o := Overview{EventsPerSecond: l.rate.perSecond()}
	for shard, tenants := range l.byShard(l.tenants.All()) {
		part, err := l.recent(ctx, shard, tenants)
		if err != nil {
			return Overview{}, err
		}
		o.Tenants = append(o.Tenants, part...)
	}
	slices.SortFunc(o.Tenants, func(a, b Recent) int {
		return cmp.Compare(a.Tenant.Name, b.Tenant.Name)
	})
	o.AsOf = l.now().UTC()
	for i := range o.Tenants {
		o.Stale = o.Stale || o.Tenants[i].Stale
	}
	return o, nil
}

// byShard returns the tenants of each shard, by name.
func (l *Live) byShard(of []meter.Tenant) [][]meter.Tenant {
	shards := make([][]meter.Tenant, l.valkey.Shards())
	for _, t := range of {
		shard := scripts.ShardOf(t.Name, len(shards))
		shards[shard] = append(shards[shard], t)
	}
	return shards
}

// recent reads the tenants of one shard. Their minutes are settled and unsettled by the same
// view as their totals, so that the argument of the package comment holds for both.
func (l *Live) recent(ctx context.Context, shard int, tenants []meter.Tenant) ([]Recent, error) {
	r := l.readCovered(ctx, tenants)
	first := l.now().Unix()/60 - RecentMinutes + 1
	all := make([]Recent, len(tenants))
	var totals []meter.Amounts
	u := &l.unsettled[shard]
	switch err := u.renew(ctx, l.valkey, shard, tenants, r.position(), l.now); {
	case errors.Is(err, scripts.ErrRewound):
	case err != nil:
		return nil, err
	default:
		totals = make([]meter.Amounts, len(tenants))
		settled := r.settledBatches()
		for i, t := range tenants {
			all[i].unsettled = u.of(t.Name, settled)
			for _, p := range all[i].unsettled {
				if r.periods[i].From <= p.Day && p.Day < r.periods[i].To {
					totals[i] = totals[i].Add(p.Used)
				}
			}
		}
	}
	for i, usage := range r.Usage(totals, l.now()) {
		all[i].Usage, all[i].first = usage, first
		if r.view != nil {
			all[i].settled = r.view.recent[usage.Tenant.Name]
		}
	}
	return all, nil
}
