package tenants

import (
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// list is one state of the tenants table. It is immutable.
type list struct {
	all []meter.Tenant // by key
	// byName has each tenant under its key and its aliases, and under their normal form where
	// they are in another and no other tenant has that name.
	byName map[string]meter.Tenant
	kept   map[store.KeptFeature]bool
}

// current is the list in use.
func (d *Directory) current() *list {
	if l := d.list.Load(); l != nil {
		return l
	}
	return &empty
}

// empty is the list of a directory that has not been filled.
var empty list

func newList(r rows) *list {
	l := &list{all: r.tenants, byName: make(map[string]meter.Tenant, len(r.tenants))}
	for _, t := range r.tenants {
		l.byName[t.Name] = t
		for _, alias := range t.Aliases {
			l.byName[alias] = t
		}
	}
	for _, t := range r.tenants {
		for _, name := range append([]string{t.Name}, t.Aliases...) {
			normal := meter.Normal(name)
			if _, taken := l.byName[normal]; !taken {
				l.byName[normal] = t
			}
		}
	}
	l.kept = make(map[store.KeptFeature]bool, len(r.kept))
	for _, k := range r.kept {
		l.kept[k] = true
	}
	return l
}

// Get returns the tenant that a name leads to: its key, an alias, or either in another
// spelling of the same characters.
func (d *Directory) Get(name string) (meter.Tenant, bool) {
	byName := d.current().byName
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
	l := d.current()
	if len(l.kept) == 0 {
		return false
	}
	t, ok := d.Get(tenant)
	return ok && l.kept[store.KeptFeature{Tenant: t.Name, Feature: feature}]
}

// Knows reports whether a name is, to the byte, one of a tenant's.
func (d *Directory) Knows(name string) bool {
	_, ok := d.current().byName[name]
	return ok
}
