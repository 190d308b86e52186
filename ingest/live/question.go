package live

import (
	"net/http"
	"strings"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/ingest/query"
	"github.com/eduardosanzb/flagmeter/internal/auth"
)

// question is what a client wants to be told about: a list, or a tenant.
type question struct {
	list   query.List
	tenant string
	single bool
}

// ofOne reports whether it is about one tenant, which costs next to nothing.
func (q question) ofOne() bool { return q.single || q.list.OfOne() }

// parse reads what a client of /live wants, and whether it may have it.
func (f *Feeds) parse(r *http.Request) (question, error) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return question{}, problem.Upgrade()
	}
	if !f.guard.MayOpen(r) {
		return question{}, problem.ForeignOrigin()
	}
	q := param.Parse(r, "q", "sort", "limit", "archived", "tenant")
	if !q.Values.Has("tenant") {
		list := query.ParseList(q, auth.Of(r.Context()).Tenant)
		return question{list: list}, q.Err()
	}
	if len(q.Values) > 1 {
		q.Refuse("tenant", "cannot be combined with other parameters")
	}
	name := q.Values.Get("tenant")
	if err := q.Err(); err != nil {
		return question{}, err
	}
	tenant, err := f.guard.Tenant(r.Context(), name)
	if err != nil {
		return question{}, err
	}
	return question{single: true, tenant: tenant.Name}, nil
}
