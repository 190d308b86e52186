package usage

import (
	"context"
	"slices"
	"sync"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Changes names the tenants whose usage or settings may have changed since it was last asked, so
// that a follower need not check every tenant. It names a tenant
//
//   - of whom an event was acknowledged (the call that acknowledges it marks the tenant),
//   - whose settled usage was read again: the ledger names it (a batch, a correction), its billing
//     period has begun or was moved, or the view did not continue the one before,
//   - whose row in tenants was edited or added.
//
// The last two come with the view: within a second of it, and never before the change can be read.
// It is safe for concurrent use.
// read. It is safe for concurrent use.
type Changes struct {
	live *Live

	asking sync.Mutex // one Next at a time
	looks  []scripts.ChangeCursor

	mu    sync.Mutex
	names map[string]struct{}
	all   bool
}

// Changes begins to collect. The first Next names all tenants.
func (l *Live) Changes() *Changes {
	c := &Changes{live: l, all: true, names: map[string]struct{}{},
		looks: make([]scripts.ChangeCursor, l.valkey.Shards())}
	l.followersMu.Lock()
	defer l.followersMu.Unlock()
	l.followers = append(l.followers, c)
	return c
}

// Next returns the names, in no order. all is set if any tenant may have changed. A returned tenant
// is not named again until it changes again; after an error nothing is lost.
func (c *Changes) Next(ctx context.Context) (names []string, all bool, err error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	for shard, look := range c.looks {
		tenants, next, ok, err := c.live.valkey.ChangesSince(ctx, shard, look)
		if err != nil {
			return nil, false, err
		}
		c.add(tenants, !ok)
		c.looks[shard] = next
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.names {
		names = append(names, name)
	}
	all = c.all
	clear(c.names)
	c.all = false
	return names, all, nil
}

func (c *Changes) add(names []string, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = c.all || all
	for _, name := range names {
		c.names[name] = struct{}{}
	}
}

// announce gives followers the difference between the published view and the one before. The caller
// holds the refresh lock.
func (l *Live) announce(next *view) {
	names := append(l.edited(), next.renewed...)
	if len(names) == 0 {
		return
	}
	l.followersMu.Lock()
	defer l.followersMu.Unlock()
	for _, c := range l.followers {
		c.add(names, false)
	}
}

// edited returns the tenants whose rows differ from those at the last call. It costs nothing while
// the directory has not loaded the table again.
func (l *Live) edited() (names []string) {
	all := l.tenants.All()
	if len(all) == len(l.announced) && (len(all) == 0 || &all[0] == &l.announced[0]) {
		return nil
	}
	before := make(map[string]meter.Tenant, len(l.announced))
	for _, t := range l.announced {
		before[t.Name] = t
	}
	for _, t := range all {
		if b, known := before[t.Name]; !known || !sameSettings(b, t) {
			names = append(names, t.Name)
		}
	}
	l.announced = all
	return names
}

func sameSettings(a, b meter.Tenant) bool {
	return a.Quota == b.Quota && a.BillingDay == b.BillingDay &&
		a.Zone.String() == b.Zone.String() &&
		a.Archived == b.Archived && slices.Equal(a.Thresholds, b.Thresholds) &&
		a.DisplayName == b.DisplayName && slices.Equal(a.Aliases, b.Aliases)
}
