package live

import (
	"fmt"
	"testing"

	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// A tenant has a part of the places of /live, all tenants nine tenths, and a key half of the rest.
func TestPlacesOfLive(t *testing.T) {
	f := New(backend.Backend{}, nil, nil, Settings{Connections: 2 * maxClients}, nil)
	f.running = true // nothing is to be renewed
	query := question{single: true, tenant: "acme"}
	fill := func(who budget.Holder) (n int) {
		for ; ; n++ {
			if _, err := f.join(query, who); err != nil {
				return n
			}
		}
	}
	if n := fill(budget.Holder{Tenant: "acme"}); n != maxTenantClients {
		t.Errorf("one tenant has %d places", n)
	}
	bound := maxTenantClients
	for i := range 100 {
		bound += fill(budget.Holder{Tenant: fmt.Sprint(i)})
	}
	if bound != maxClients*9/10 {
		t.Errorf("all tenants have %d places of %d", bound, maxClients)
	}
	operator := budget.Holder{Key: [16]byte{1}}
	if n := fill(operator); n != maxClients/10 {
		t.Errorf("an operator finds %d places", n)
	}
	for len(f.by) > 0 {
		for who := range f.by {
			f.leave(f.all[query], who)
			break
		}
	}
	if f.clients != 0 || f.bound != 0 || len(f.all) != 0 {
		t.Errorf("%d clients and %d bound ones stay", f.clients, f.bound)
	}
	if n := fill(operator); n != maxClients/2 {
		t.Errorf("one key has %d places", n)
	}
}

// One key cannot take all lists that cost a sort each second.
func TestListsOfLive(t *testing.T) {
	f := New(backend.Backend{}, nil, nil, Settings{Connections: 2 * maxClients}, nil)
	f.running = true
	fill := func(who budget.Holder) (n int) {
		for ; ; n++ {
			if _, err := f.join(listOf(t, fmt.Sprint(who.Key, n)), who); err != nil {
				return n
			}
		}
	}
	for key, want := range []int{maxLists / 2, maxLists / 2, 0} {
		if n := fill(budget.Holder{Key: [16]byte{byte(key + 1)}}); n != want {
			t.Errorf("key %d has %d lists, want %d", key, n, want)
		}
	}
}
