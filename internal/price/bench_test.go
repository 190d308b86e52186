package price

import (
	"fmt"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// benchBook has as many models as a large data set.
func benchBook(tb testing.TB) *Book {
	var rows []Row
	var names []Name
	for i := range 2000 {
		provider, model := fmt.Sprintf("provider-%d", i%20), fmt.Sprintf("model-%d", i)
		rows = append(rows, list(tb, provider, model, sonnet, func(r *Row) { r.Shipped = true })...)
		names = append(names, Name{Provider: provider, Name: "alias-" + model, Model: model},
			Name{Provider: provider, Name: model + "-####-##-##", Model: model},
			Name{Provider: provider, Name: model + "-########", Model: model})
	}
	rows = append(rows, list(tb, "", "model-7", "input=2", func(r *Row) { r.Tenant = "acme" })...)
	return NewBook(rows, names)
}

var benchCalls = map[string]Call{
	"exact":      {Tenant: "zed", Provider: "provider-7", Model: "model-7"},
	"noProvider": {Tenant: "zed", Model: "model-7"},
	"alias":      {Tenant: "zed", Provider: "provider-7", Model: "alias-model-7"},
	"pattern":    {Tenant: "zed", Provider: "provider-7", Model: "model-7-2026-01-31"},
	"negotiated": {Tenant: "acme", Provider: "provider-7", Model: "model-7"},
	"unknown":    {Tenant: "zed", Provider: "provider-7", Model: "model-of-tomorrow"},
}

var fourPools = meter.Pools{meter.Input: 800, meter.CacheRead: 1000, meter.CacheWrite: 200, meter.Output: 500}

func BenchmarkCost(b *testing.B) {
	book := benchBook(b)
	for name, c := range benchCalls {
		c.At, c.Usage = noon, fourPools
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := book.Cost(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestCostAllocatesNothing(t *testing.T) {
	book := benchBook(t)
	for name, c := range benchCalls {
		c.At, c.Usage = noon, fourPools
		if q, err := book.Cost(c); err != nil || q.Priced() == (name == "unknown") {
			t.Errorf("%s: %+v, %v", name, q, err)
		}
		if n := testing.AllocsPerRun(100, func() { book.Cost(c) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
