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

// Overview is the usage of all tenants at one time. Several callers may share it: it must
// not be changed.
type Overview struct {
	// Tenants are sorted by name, archived ones included.
	Tenants []Recent
	// EventsPerSecond is how fast events have been acknowledged in the last 10 s, by all
	// processes together; 0 in the first second of the process.
	EventsPerSecond float64
	// AsOf is the instant of the answer, UTC. Stale is true if any tenant's usage is.
	AsOf  time.Time
	Stale bool
}

// Recent is a tenant's usage, without features, and its tokens in each of the last
// RecentMinutes minutes, oldest first: the last one is the current minute. An event that
// came more than two minutes late is in them when it is in Postgres, a second or two later.
type Recent struct {
	meter.Usage
	Minutes []int64
}

// Overview reads every tenant's usage. Callers that wait at the same time share an answer,
// which was begun after each of them asked. It returns an error if Valkey cannot be read.
func (l *Live) Overview(ctx context.Context) (Overview, error) {
	return l.overviews.ask(ctx, l.overview)
}

func (l *Live) overview(ctx context.Context) (Overview, error) {
	o := Overview{EventsPerSecond: l.rate.perSecond()}
	for shard, tenants := range l.byShard() {
		part, err := l.recent(ctx, shard, tenants)
		if err != nil {
			return Overview{}, err
		}
		o.Tenants = append(o.Tenants, part...)
	}
	slices.SortFunc(o.Tenants, func(a, b Recent) int { return cmp.Compare(a.Tenant.Name, b.Tenant.Name) })
	o.AsOf = l.now().UTC()
	for i := range o.Tenants {
		o.Stale = o.Stale || o.Tenants[i].Stale
	}
	return o, nil
}

// byShard is the tenants of each shard, by name.
func (l *Live) byShard() [][]meter.Tenant {
	shards := make([][]meter.Tenant, l.valkey.Shards())
	for _, t := range l.tenants.All() {
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
	unsettled, apart, err := l.valkey.Minutes(ctx, shard, r.Query(), first)
	if errors.Is(err, scripts.ErrRewound) {
		unsettled, apart = nil, nil
	} else if err != nil {
		return nil, err
	}
	usages := r.Usage(unsettled, l.now())
	all, minutes := make([]Recent, len(usages)), make([]int64, len(usages)*RecentMinutes)
	for i, u := range usages {
		own := minutes[i*RecentMinutes : (i+1)*RecentMinutes : (i+1)*RecentMinutes]
		if r.view != nil {
			if settled := r.view.recent[u.Tenant.Name]; settled != nil {
				for m := range own {
					own[m] = settled.at(first + int64(m))
				}
			}
		}
		all[i] = Recent{u, own}
	}
	for _, a := range apart {
		if m := a.Minute - first; m < RecentMinutes {
			own := all[a.Tenant].Minutes
			own[m] = meter.Add(own[m], a.Tokens)
		}
	}
	return all, nil
}
