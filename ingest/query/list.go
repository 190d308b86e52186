package query

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	strict "github.com/go-json-experiment/json"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// The bounds of a page of tenants, and of the text to search for, in characters.
const (
	defaultLimit = 100
	maxLimit     = 10_000
	maxSearch    = 128
)

// List is which tenants to list, and how.
type List struct {
	sort       string // one of sortNames
	descending bool
	limit      int // 0: no limit
	search     string
	archived   bool   // them too
	only       string // the one tenant that the caller may know of; "": all
	after      position
}

// position is a place in a sorted list: right behind a tenant, whose key it keeps, since its
// figures may change until the next page is asked for. The zero position is the start.
type position struct {
	Sort string  `json:"s"` // as in the query
	Null bool    `json:"n"`
	Int  int64   `json:"i"`
	Real float64 `json:"f"`
	Name string  `json:"t"`
}

// sortNames are what tenants can be sorted by, each also with a - in front.
var sortNames = []string{"name", "percent", "used", "quota", "pace", "projected", "exhausted"}

// ParseList reads the parameters of a list of tenants for a caller who may know of one tenant only,
// or of all for "".
func ParseList(q *param.Query, only string) List {
	l := List{only: only, sort: "percent", descending: true,
		limit: q.Integer("limit", defaultLimit, 1, maxLimit)}
	if q.Values.Has("sort") {
		l.sort, l.descending = strings.CutPrefix(q.Values.Get("sort"), "-")
		if !slices.Contains(sortNames, l.sort) {
			q.Refuse("sort", "must be one of "+strings.Join(sortNames, ", ")+", with a - in front for descending")
		}
	}
	search, _ := q.Text("q", maxSearch)
	l.search = searchable(search)
	l.archived = q.OneOf("archived", "false", "true") == "true"
	if q.Values.Has("cursor") {
		data, err := base64.RawURLEncoding.DecodeString(q.Values.Get("cursor"))
		if err != nil || strict.Unmarshal(data, &l.after) != nil ||
			l.after.Name == "" || l.after.Sort != l.sorting() {
			q.Refuse("cursor", "must be the next of an answer to the same query")
		}
	}
	return l
}

// OfOne reports whether the list can hold one tenant only.
func (l List) OfOne() bool { return l.only != "" }

// sorting is how the list is sorted, as in the query.
func (l List) sorting() string {
	if l.descending {
		return "-" + l.sort
	}
	return l.sort
}

// position is where a row is in the list.
func (l List) position(r *row) position {
	p := position{Sort: l.sorting(), Name: r.Tenant.Shown()}
	switch l.sort {
	case "percent":
		p.Null, p.Real = r.Tenant.Quota == 0, meter.Percent(r.Used[meter.Tokens], r.Tenant.Quota)
	case "used":
		p.Int = r.Used[meter.Tokens]
	case "quota":
		p.Null, p.Int = r.Tenant.Quota == 0, r.Tenant.Quota
	case "pace":
		p.Null, p.Int = !r.projected, r.projection.PerDay
	case "projected":
		p.Null, p.Int = !r.projected, r.projection.Total
	case "exhausted":
		if p.Null = r.projection.Exhausted.IsZero(); !p.Null {
			p.Int = r.projection.Exhausted.Unix()
		}
	}
	return p
}

// compare orders positions: those without a value last in either direction, equal ones by
// name.
func (l List) compare(a, b position) int {
	if a.Null != b.Null {
		if a.Null {
			return 1
		}
		return -1
	}
	byValue := cmp.Or(cmp.Compare(a.Int, b.Int), cmp.Compare(a.Real, b.Real))
	byName := strings.Compare(a.Name, b.Name)
	if l.sort == "name" {
		byValue, byName = byName, 0
	}
	if l.descending {
		byValue = -byValue
	}
	return cmp.Or(byValue, byName)
}

// matches reports whether the list holds a row, wherever its pages begin.
func (l List) matches(r *row) bool {
	if r.Tenant.Archived && !l.archived {
		return false
	}
	found := func(name string) bool { return strings.Contains(searchable(name), l.search) }
	return l.search == "" || found(r.Tenant.Name) || slices.ContainsFunc(r.Tenant.Aliases, found)
}

// searchable is a name as it is compared with what people search for.
func searchable(name string) string { return meter.Normal(strings.ToLower(name)) }

// Page is a part of a list.
type Page struct {
	*Snapshot
	rows     []*row
	matching int    // rows of the whole list
	next     string // the cursor of what follows; empty at the end
}

// Page makes a page of a snapshot, with its rows encoded.
func (l List) Page(s *Snapshot) *Page {
	type placed struct {
		*row
		position
	}
	s = s.of(l.only)
	p, list := &Page{Snapshot: s}, make([]placed, 0, len(s.rows))
	for _, r := range s.rows {
		if !l.matches(r) {
			continue
		}
		p.matching++
		if at := l.position(r); l.after.Name == "" || l.compare(l.after, at) < 0 {
			list = append(list, placed{r, at})
		}
	}
	slices.SortFunc(list, func(a, b placed) int { return l.compare(a.position, b.position) })
	if l.limit > 0 && len(list) > l.limit {
		data, _ := json.Marshal(list[l.limit-1].position) // strings and numbers
		p.next = base64.RawURLEncoding.EncodeToString(data)
		list = list[:l.limit]
	}
	p.rows = make([]*row, len(list))
	for i, entry := range list {
		entry.encode()
		p.rows[i] = entry.row
	}
	return p
}

// Append appends the page as a JSON object without its braces, asOf and stale.
func (p *Page) Append(b []byte) []byte {
	b = append(b, `"tenants":[`...)
	for i, r := range p.rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.append(b)
	}
	return p.appendTotals(append(b, ']'))
}

func (p *Page) appendTotals(b []byte) []byte {
	b = answer.AppendInt(append(b, `,"matching":`...), p.matching)
	if p.next == "" {
		b = append(b, `,"next":null`...)
	} else {
		b = answer.AppendString(append(b, `,"next":`...), p.next)
	}
	return p.totals.append(append(b, `,"totals":`...))
}

// Size is about how many bytes the page has as JSON.
func (p *Page) Size() int {
	size := 512
	for _, r := range p.rows {
		size += len(r.head) + len(r.sparkline) + 3
	}
	return size
}
