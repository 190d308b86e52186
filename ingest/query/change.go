package query

import (
	"bytes"
	"slices"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
)

// AppendChange appends the members of a JSON object that takes a client from the page before to p,
// and reports whether they differ. Pages are immutable, so a client may have missed any number
// in between.
func (p *Page) AppendChange(b []byte, before *Page) (_ []byte, changed bool) {
	known := make(map[string]*row, len(before.rows))
	for _, r := range before.rows {
		known[r.Tenant.Shown()] = r
	}
	b = append(b, `"tenants":[`...)
	for _, r := range p.rows {
		old := known[r.Tenant.Shown()]
		delete(known, r.Tenant.Shown())
		sameSparkline := old != nil && bytes.Equal(old.sparkline, r.sparkline)
		if old == r || sameSparkline && bytes.Equal(old.head, r.head) {
			continue
		}
		if changed {
			b = append(b, ',')
		}
		changed = true
		if sameSparkline {
			b = append(append(append(b, '{'), r.head...), '}')
		} else {
			b = r.append(b)
		}
	}
	b = append(b, ']')
	if order := names(p.rows); !slices.Equal(names(before.rows), order) {
		b, changed = answer.AppendStrings(append(b, `,"order":`...), order), true
	}
	if len(known) > 0 {
		gone := make([]string, 0, len(known))
		for name := range known {
			gone = append(gone, name)
		}
		slices.Sort(gone)
		b, changed = answer.AppendStrings(append(b, `,"gone":`...), gone), true
	}
	changed = changed || before.totals != p.totals || before.matching != p.matching
	return p.appendTotals(b), changed
}

func names(rows []*row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.Tenant.Shown()
	}
	return all
}
