package live

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/query"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// A client that reads late gets what it has missed, in one frame.
func TestALaggardGetsTheDifference(t *testing.T) {
	type tenant struct {
		name   string
		tokens int64
	}
	var snapshots query.Snapshotter
	list := listOf(t, "").list
	at := func(tenants ...tenant) *state {
		var o usage.Overview
		for _, one := range tenants {
			r := usage.Recent{Usage: meter.Usage{Used: meter.OneEvent(one.tokens)}}
			r.Tenant = meter.Tenant{Name: one.name, Quota: 1000, Zone: time.UTC}
			o.Tenants = append(o.Tenants, r)
		}
		return &state{page: list.Page(snapshots.Of(o))}
	}
	feed := &feed{renewed: make(chan struct{})}
	first := at(tenant{"a", 1}, tenant{"b", 1})
	feed.publish(first)
	feed.publish(at(tenant{"a", 1}, tenant{"b", 2}))
	feed.publish(at(tenant{"b", 2}, tenant{"c", 1}))
	now, frame, _ := feed.next(first)
	var got struct {
		Type    string
		Tenants []struct {
			Tenant      string
			TotalTokens int64
			Sparkline   []int64
		}
		Order, Gone []string
		Matching    int
		Totals      struct{ Tenants, TotalTokens int64 }
	}
	if err := json.Unmarshal(frame, &got); err != nil {
		t.Fatalf("%s: %v", frame, err)
	}
	if got.Type != "change" || len(got.Tenants) != 2 || got.Matching != 2 || got.Totals.TotalTokens != 3 ||
		!slices.Equal(got.Order, []string{"b", "c"}) || !slices.Equal(got.Gone, []string{"a"}) {
		t.Fatalf("got %s", frame)
	}
	if b := got.Tenants[0]; b.Tenant != "b" || b.TotalTokens != 2 || b.Sparkline != nil {
		t.Errorf("b, whose sparkline is the same: %+v", b)
	}
	if c := got.Tenants[1]; c.Tenant != "c" || c.TotalTokens != 1 || c.Sparkline == nil {
		t.Errorf("c, which is new: %+v", c)
	}
	if _, frame, _ := feed.next(now); frame != nil {
		t.Errorf("when it knows all: %s", frame)
	}
	feed.publish(at(tenant{"b", 2}, tenant{"c", 1}))
	if _, frame, _ := feed.next(now); frame != nil {
		t.Errorf("when nothing has changed: %s", frame)
	}
}
