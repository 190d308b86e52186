package ingest

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// A feed sends what a client does not know yet. Its states are immutable, so what to send is
// a function of the one that a client has and the present one, however many it has missed.

// feedState is what a feed knows at one time: a page, or a tenant's usage.
type feedState struct {
	page    *page
	content []byte // of a tenant: the answer to GET /usage/:tenant without its braces and asOf
	asOf    time.Time
	stale   bool
}

// frame is the message that takes a client from have, which may be nil, to s. It is nil if
// there is nothing to tell.
func (s *feedState) frame(have *feedState) []byte {
	switch {
	case s.page == nil:
		if have != nil && have.stale == s.stale && bytes.Equal(have.content, s.content) {
			return nil
		}
		return s.end(append([]byte(`{"type":"tenant",`), s.content...))
	case have == nil:
		b := append(make([]byte, 0, s.page.size()), `{"type":"snapshot",`...)
		return s.end(s.page.append(b))
	default:
		return s.change(have)
	}
}

// alive is the message that says that nothing has changed.
func (s *feedState) alive() []byte { return s.end([]byte(`{"type":"alive"`)) }

// end appends asOf, stale and the closing brace.
func (s *feedState) end(b []byte) []byte {
	b = appendTime(append(b, `,"asOf":`...), s.asOf)
	return append(strconv.AppendBool(append(b, `,"stale":`...), s.stale), '}')
}

// change is frame for a client that has a page.
func (s *feedState) change(have *feedState) []byte {
	before, after := have.page, s.page
	known := make(map[string]*row, len(before.rows))
	for _, r := range before.rows {
		known[r.Tenant.Shown()] = r
	}
	b := []byte(`{"type":"change","tenants":[`)
	changed := false
	for _, r := range after.rows {
		old := known[r.Tenant.Shown()]
		delete(known, r.Tenant.Shown())
		if old == r || old != nil && bytes.Equal(old.head, r.head) && bytes.Equal(old.sparkline, r.sparkline) {
			continue
		}
		if changed {
			b = append(b, ',')
		}
		changed = true
		if old != nil && bytes.Equal(old.sparkline, r.sparkline) {
			b = append(append(append(b, '{'), r.head...), '}')
		} else {
			b = r.append(b)
		}
	}
	b = append(b, ']')
	if order := names(after.rows); !slices.Equal(names(before.rows), order) {
		b, changed = appendNames(append(b, `,"order":`...), order), true
	}
	if len(known) > 0 {
		gone := make([]string, 0, len(known))
		for name := range known {
			gone = append(gone, name)
		}
		slices.Sort(gone)
		b, changed = appendNames(append(b, `,"gone":`...), gone), true
	}
	if !changed && before.totals == after.totals && before.matching == after.matching && have.stale == s.stale {
		return nil
	}
	return s.end(after.appendTotals(b))
}

func names(rows []*row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.Tenant.Shown()
	}
	return all
}

func appendNames(b []byte, names []string) []byte {
	b = append(b, '[')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
	}
	return append(b, ']')
}
