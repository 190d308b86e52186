package manage

import (
	"fmt"
	"net/http"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/price/change"
	"github.com/eduardosanzb/flagmeter/internal/price/source"
)

const (
	// maxPriceRequest bounds the body of POST /prices, in bytes.
	maxPriceRequest = 256 << 10
	// maxNewPrices is how many prices it may have.
	maxNewPrices = 1000
)

// pricesRequest is the body of POST /prices.
type pricesRequest struct {
	Prices []priceRequest `json:"prices"`
	Accept bool           `json:"accept"` // also what may be a mistake
}

type priceRequest struct {
	Tenant           *string    `json:"tenant"`
	Provider         *string    `json:"provider"`
	Model            string     `json:"model"`
	ServiceTier      *string    `json:"serviceTier"`
	Pool             string     `json:"pool"`
	AboveInputTokens int64      `json:"aboveInputTokens"`
	Inclusive        bool       `json:"inclusive"`
	Price            *string    `json:"price"` // null withdraws it
	EffectiveFrom    *time.Time `json:"effectiveFrom"`
}

// parsePrices reads which prices to add.
func (h *Handlers) parsePrices(
	w http.ResponseWriter, r *http.Request,
) (wanted change.Wanted, accept bool, err error) {
	refuse := func(detail string) error {
		return problem.InvalidPrice(problem.FieldError{Detail: detail})
	}
	var ask pricesRequest
	if err := param.Body(w, r, maxPriceRequest, &ask, "prices and accept; a price has model, pool"+
		" and price, a decimal string, and may have provider, serviceTier, aboveInputTokens,"+
		" inclusive, tenant and effectiveFrom", refuse); err != nil {
		return wanted, false, err
	}
	if len(ask.Prices) == 0 || len(ask.Prices) > maxNewPrices {
		return wanted, false, refuse(fmt.Sprintf("prices must be an array of 1 to %d", maxNewPrices))
	}
	now := h.backend.Now()
	wanted = change.Wanted{Now: now, Source: "API", CheckedAt: now, Set: true}
	var wrong []problem.FieldError
	for i, one := range ask.Prices {
		row, field, detail := h.priceRow(r, one, now)
		if detail != "" {
			field = fmt.Sprintf("prices[%d].%s", i, field)
			wrong = append(wrong, problem.FieldError{Field: field, Detail: detail})
		}
		wanted.Rows = append(wanted.Rows, row)
	}
	if len(wrong) > 0 {
		return wanted, false, problem.InvalidPrice(wrong...)
	}
	return wanted, ask.Accept, nil
}

// priceRow reads one price. A detail that is not "" says what is wrong with a field.
func (h *Handlers) priceRow(
	r *http.Request, ask priceRequest, now time.Time,
) (row price.Row, field, detail string) {
	row = price.Row{Inclusive: ask.Inclusive, Withdrawn: ask.Price == nil, From: now}
	row.Model, row.Above = ask.Model, ask.AboveInputTokens
	if wrong := meter.CheckName(ask.Model); wrong != "" {
		return row, "model", wrong
	}
	if ask.Provider != nil {
		if wrong := meter.CheckName(*ask.Provider); wrong != "" {
			return row, "provider", wrong
		}
		row.Provider = price.CanonicalProvider(*ask.Provider)
	}
	if ask.Tenant != nil {
		known, err := h.guard.Tenant(r.Context(), *ask.Tenant)
		if err != nil {
			return row, "tenant", "is not known"
		}
		row.Tenant = known.Name
	}
	var err error
	if row.Pool, err = meter.ParsePool(ask.Pool); err != nil {
		return row, "pool", err.Error()
	}
	if ask.ServiceTier != nil {
		if row.Tier, err = meter.ParseServiceTier(*ask.ServiceTier); err != nil {
			return row, "serviceTier", err.Error()
		}
	}
	if ask.AboveInputTokens < 0 {
		return row, "aboveInputTokens", "must not be negative"
	}
	if ask.Price != nil {
		if row.Price, err = meter.ParseTokenPrice(*ask.Price); err != nil {
			return row, "price", err.Error()
		}
	}
	if ask.EffectiveFrom != nil {
		if row.From = ask.EffectiveFrom.UTC(); row.From.Before(source.Always) || row.From.Year() > 9999 {
			return row, "effectiveFrom", "must lie between 1970 and 9999"
		}
	}
	return row, "", ""
}
