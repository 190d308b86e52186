package commit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

func TestAGroupTakesNoMoreThanItsLimit(t *testing.T) {
	c := &committer{queue: newQueue(0)}
	for range 30 {
		s := &submission{lines: make([]byte, 100_000), items: make([]item, 10)}
		c.queue.push(s)
	}
	var sizes []int
	for range 3 {
		g := c.collect()
		sizes = append(sizes, len(g.submissions))
	}
	if fmt.Sprint(sizes) != "[11 11 8]" { // 11 · 100,000 bytes is the first size above 1 MiB
		t.Errorf("groups of %v requests", sizes)
	}
}

// While Postgres is away, what many tenants have used is looked up in many hashes.
func TestAGroupEndsByWhatItsLimitsCost(t *testing.T) {
	// That of one tenant is looked up once.
	for name, want := range map[string]int{"tenant-%d": 8, "tenant": 30} {
		c := &committer{queue: newQueue(0)}
		for n := range 30 {
			tenant := meter.Tenant{Name: strings.ReplaceAll(name, "%d", fmt.Sprint(n))}
			c.queue.push(&submission{tenants: []meter.Tenant{tenant}, items: make([]item, 1),
				limitCost: limitCost{quotas: 1000}})
		}
		if got := len(c.collect().submissions); got != want {
			t.Errorf("%s: a group of %d requests, want %d", name, got, want)
		}
	}
}

func TestAGroupCostsNoMoreThanItsLimit(t *testing.T) {
	c := &committer{queue: newQueue(0)}
	for request := range 5 {
		s := &submission{ids: 900}
		for i := range 900 {
			s.items = append(s.items, item{id: scripts.EventID{Tenant: "acme", ID: fmt.Sprint(request, "-", i)}})
		}
		c.queue.push(s)
	}
	if first, second := len(c.collect().submissions), len(c.collect().submissions); first != 2 || second != 2 {
		t.Errorf("groups of %d and %d requests, want 2 and 2: 1800 ids cost more than %d", first, second, maxGroupCost)
	}
}

// An id that occurs in two requests must be judged after the first of them is stored.
func TestAGroupHoldsAnIDOnce(t *testing.T) {
	c := &committer{queue: newQueue(0)}
	request := func(ids ...string) *submission {
		s := &submission{}
		for _, id := range ids {
			s.items = append(s.items, item{id: scripts.EventID{Tenant: "acme", ID: id}})
		}
		return s
	}
	for _, s := range []*submission{request("a", "b"), request("", ""), request("c", "b"), request("c"), request("a"), request("d")} {
		c.queue.push(s)
	}
	var got []string
	for range 2 {
		for _, s := range c.collect().submissions {
			text := ""
			for _, it := range s.items {
				text += "[" + it.id.ID + "]"
			}
			got = append(got, text)
		}
		got = append(got, "|")
	}
	if want := "[a][b] [][] [c] [d] | [c][b] [a] |"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}
