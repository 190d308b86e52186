package tenants

import (
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// list is one state of the tenants table. It is immutable.
type list struct {
	version int64
	all     []meter.Tenant // by key
	// byName has each tenant under its key and its aliases, and under their normal form where
	// they are in another and nobody else has that name.
	byName map[string]meter.Tenant
	kept   map[store.KeptFeature]bool
}

func newList(version int64, all []meter.Tenant, kept []store.KeptFeature) *list {
	l := &list{version: version, all: all, byName: make(map[string]meter.Tenant, len(all))}
	for _, t := range all {
		l.byName[t.Name] = t
		for _, alias := range t.Aliases {
			l.byName[alias] = t
		}
	}
	for _, t := range all {
		for _, name := range append([]string{t.Name}, t.Aliases...) {
			normal := meter.Normal(name)
			if _, taken := l.byName[normal]; !taken {
				l.byName[normal] = t
			}
		}
	}
	l.kept = make(map[store.KeptFeature]bool, len(kept))
	for _, k := range kept {
		l.kept[k] = true
	}
	return l
}

// Get returns the tenant that a name leads to: its key, an alias, or either in another
// spelling of the same characters.
func (d *Directory) Get(name string) (meter.Tenant, bool) {
	byName := d.list.Load().byName
	t, ok := byName[name]
	if !ok {
		if normal := meter.Normal(name); normal != name {
			t, ok = byName[normal]
		}
	}
	return t, ok
}

// Keeps reports whether a tenant has used a feature since before names like it were refused.
func (d *Directory) Keeps(tenant, feature string) bool {
	l := d.list.Load()
	if len(l.kept) == 0 {
		return false
	}
	t, ok := d.Get(tenant)
	return ok && l.kept[store.KeptFeature{Tenant: t.Name, Feature: feature}]
}

// Knows reports whether a name is, to the byte, one of a tenant's.
func (d *Directory) Knows(name string) bool {
	_, ok := d.list.Load().byName[name]
	return ok
}
