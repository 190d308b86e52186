package manage

import (
	"errors"
	"net/http"

	strict "github.com/go-json-experiment/json"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/prices"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// The bounds of an answer of GET /prices. 10,000 prices are 3 MB.
const (
	defaultPrices = 1000
	maxPrices     = 10_000
)

// pricesAnswer is the answer of GET and POST /prices.
type pricesAnswer struct {
	Currency string        `json:"currency"`
	Total    int           `json:"total"` // of the prices that fit the filters, or were added
	Prices   []prices.View `json:"prices"`
}

// ListPrices is GET /prices: those that hold now or will, by model.
func (h *Handlers) ListPrices(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	q := param.Parse(r, "model", "provider", "tenant", "all", "limit")
	var f prices.Filter
	f.Model, _ = q.Text("model", meter.MaxName)
	f.Provider, _ = q.Text("provider", meter.MaxName)
	tenant, ofTenant := q.Text("tenant", meter.MaxName)
	switch q.Values.Get("all") {
	case "", "false":
	case "true":
		f.All = true
	default:
		q.Refuse("all", "must be true or false")
	}
	limit := q.Integer("limit", defaultPrices, 1, maxPrices)
	if err := q.Err(); err != nil {
		return err
	}
	if ofTenant {
		known, err := h.guard.Tenant(r.Context(), tenant)
		if err != nil {
			return err
		}
		f.Tenant = known.Name
	}
	rows, odd, err := store.Prices(r.Context(), h.backend.DB, h.backend.Currency)
	if err != nil {
		return problem.Unavailable("prices cannot be read now").Because(err)
	}
	store.LogOdd(h.backend.Log, odd)
	rows = prices.Select(rows, f, h.backend.Now())
	return h.writePrices(w, http.StatusOK, rows, min(limit, len(rows)))
}

// AddPrices is POST /prices: it adds all of the prices or none.
func (h *Handlers) AddPrices(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	if err := param.Parse(r).Err(); err != nil {
		return err
	}
	wanted, accept, err := h.parsePrices(w, r)
	if err != nil {
		return err
	}
	plan, err := prices.Apply(r.Context(), h.backend.DB, wanted,
		prices.Change{Currency: h.backend.Currency, Accept: accept})
	if doubtful, ok := errors.AsType[*prices.DoubtfulError](err); ok {
		return problem.DoubtfulPrices(doubtful.Lines)
	}
	if conflict, ok := errors.AsType[*prices.ConflictError](err); ok {
		return problem.PriceTaken(conflict.Conflicts)
	}
	if err != nil {
		return problem.Unavailable("prices cannot be changed now").Because(err)
	}
	by := auth.Of(r.Context()).KeyID
	h.backend.Log.Info("prices added", "prices", len(plan.Rows), "by", by)
	return h.writePrices(w, http.StatusCreated, plan.Rows, len(plan.Rows))
}

// writePrices answers with the first prices of rows.
func (h *Handlers) writePrices(w http.ResponseWriter, status int, rows []price.Row, first int) error {
	body := pricesAnswer{h.backend.Currency, len(rows), make([]prices.View, first)}
	for i, row := range rows[:first] {
		body.Prices[i] = prices.ViewOf(row, h.guard.Shown(row.Tenant))
	}
	text, err := strict.Marshal(body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		w.Header()["Content-Type"] = answer.ContentType
		w.WriteHeader(status)
	}
	answer.WriteJSON(w, text)
	return nil
}
