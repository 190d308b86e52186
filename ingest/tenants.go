package ingest

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// getTenants is GET /tenants.
func (s *Server) getTenants(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	q := parseQuery(r, "sort", "limit", "cursor", "q", "archived")
	list := parseList(q)
	p, ok := s.list(w, r, q, list)
	if !ok {
		return
	}
	give, ok := s.room(w, r, p.size())
	if !ok {
		return
	}
	defer give()
	// 10,000 tenants are 6 MB: a new buffer of that size costs more than to fill it.
	body, _ := s.bodies.Get().(*[]byte)
	if body == nil {
		body = new([]byte)
	}
	*body = p.append(append(slices.Grow((*body)[:0], p.size()), '{'))
	writeTagged(w, r, *body, p.asOf, p.stale)
	s.bodies.Put(body)
}

// getTenantsCSV is GET /tenants.csv: the whole list.
func (s *Server) getTenantsCSV(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	end, ok := takeTurn(s.exports, w, r)
	if !ok {
		return
	}
	defer end()
	q := parseQuery(r, "sort", "q", "archived")
	list := parseList(q)
	list.limit = 0
	p, ok := s.list(w, r, q, list)
	if !ok {
		return
	}
	give, ok := s.room(w, r, p.size())
	if !ok {
		return
	}
	defer give()
	var body bytes.Buffer
	out := newTable(w, &body, "tenants.csv", p.asOf, "tenant", "totalTokens", "quota", "quotaPercent", "remaining", "perDay", "projectedTokens",
		"exhaustedAt", "periodStart", "periodEnd", "timezone", "archived", "stale")
	for _, r := range p.rows {
		quota, percent, remaining := "", "", ""
		if q := r.Tenant.Quota; q > 0 {
			quota, remaining = decimal(q), decimal(meter.Remaining(r.Used[meter.Tokens], q))
			percent = strconv.FormatFloat(meter.Percent(r.Used[meter.Tokens], q), 'f', -1, 64)
		}
		perDay, total, exhausted := "", "", ""
		if r.projected {
			perDay, total = decimal(r.projection.PerDay), decimal(r.projection.Total)
			if at := r.projection.Exhausted; !at.IsZero() {
				exhausted = at.Format(time.RFC3339)
			}
		}
		out.write(r.Tenant.Shown(), decimal(r.Used[meter.Tokens]), quota, percent, remaining, perDay, total, exhausted,
			r.Period.Start.Format(time.RFC3339), r.Period.End.Format(time.RFC3339), r.Tenant.Zone.String(),
			strconv.FormatBool(r.Tenant.Archived), strconv.FormatBool(r.Stale))
	}
	sendTable(w, out, &body)
}

// list reads the page that was asked for, or writes why not.
func (s *Server) list(w http.ResponseWriter, r *http.Request, q *query, list listQuery) (*page, bool) {
	if problem := q.problem(); problem != nil {
		WriteProblem(w, problem)
		return nil, false
	}
	o, err := s.live.Overview(r.Context())
	if err != nil {
		s.unavailable(w, r, "usage cannot be read now", err)
		return nil, false
	}
	list.only = auth.Of(r.Context()).Tenant
	return list.page(s.sheets.of(o)), true
}
