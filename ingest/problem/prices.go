package problem

import (
	"net/http"

	"github.com/eduardosanzb/flagmeter/internal/price/change"
)

// InvalidPrice lists what is wrong with a request for new prices.
func InvalidPrice(wrong ...FieldError) *Problem {
	p := New(http.StatusBadRequest, "invalid-price", "Invalid price", "nothing was changed")
	p.Errors = wrong
	return p
}

// DoubtfulPrices lists changes of prices that may be mistakes.
func DoubtfulPrices(lines []change.Line) *Problem {
	p := New(http.StatusConflict, "doubtful-prices", "Prices may be mistaken",
		`nothing was changed; repeat the request with "accept": true if all are right`)
	for _, l := range lines {
		change := l.Reason + ": from " + l.Old + " to " + l.New
		p.Errors = append(p.Errors, FieldError{Field: l.What, Detail: change})
	}
	return p
}

// PriceTaken lists prices from an instant from which there are others already.
func PriceTaken(conflicts []string) *Problem {
	p := New(http.StatusConflict, "price-taken", "There is a price from that instant on",
		"nothing was changed; prices are only added, so choose another effectiveFrom")
	for _, c := range conflicts {
		p.Errors = append(p.Errors, FieldError{Detail: c})
	}
	return p
}
