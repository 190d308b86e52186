package query

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Tenants is GET /tenants.
func (h *Handlers) Tenants(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	q := param.Parse(r, "sort", "limit", "cursor", "q", "archived")
	list := ParseList(q, auth.Of(r.Context()).Tenant)
	p, err := h.list(r, q, list)
	if err != nil {
		return err
	}
	give, err := h.room(r, p.Size())
	if err != nil {
		return err
	}
	defer give()
	// 10,000 tenants are 6 MB: a new buffer of that size costs more than to fill it.
	body, _ := h.bodies.Get().(*[]byte)
	if body == nil {
		body = new([]byte)
	}
	*body = p.Append(append(slices.Grow((*body)[:0], p.Size()), '{'))
	writeTagged(w, r, *body, p.AsOf, p.Stale)
	h.bodies.Put(body)
	return nil
}

// TenantsCSV is GET /tenants.csv: the whole list.
func (h *Handlers) TenantsCSV(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	end, err := takeTurn(h.exports, r)
	if err != nil {
		return err
	}
	defer end()
	q := param.Parse(r, "sort", "q", "archived")
	list := ParseList(q, auth.Of(r.Context()).Tenant)
	list.limit = 0
	p, err := h.list(r, q, list)
	if err != nil {
		return err
	}
	give, err := h.room(r, p.Size())
	if err != nil {
		return err
	}
	defer give()
	var body bytes.Buffer
	out := newTable(w, &body, "tenants.csv", p.AsOf, "tenant", "totalTokens", "quota", "quotaPercent",
		"remaining", "perDay", "projectedTokens", "exhaustedAt", "periodStart", "periodEnd",
		"timezone", "archived", "stale")
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
	return nil
}

// list reads the page that was asked for.
func (h *Handlers) list(r *http.Request, q *param.Query, list List) (*Page, error) {
	if err := q.Err(); err != nil {
		return nil, err
	}
	o, err := h.backend.Live.Overview(r.Context())
	if err != nil {
		return nil, problem.Unavailable("usage cannot be read now").Because(err)
	}
	return list.Page(h.snapshots.Of(o)), nil
}
