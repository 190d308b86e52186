package prices

import (
	"encoding/json"
	"fmt"
	"time"

	strict "github.com/go-json-experiment/json"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// copied is the copy that Valkey holds.
type copied struct {
	Currency string        `json:"currency"`
	Prices   []copiedPrice `json:"prices"`
	Names    []copiedName  `json:"names"`
}

// copiedPrice is what of a price a book needs. Names, not numbers, stand for pools and tiers:
// another version may number them otherwise.
type copiedPrice struct {
	Tenant    string            `json:"t,omitempty"`
	Provider  string            `json:"p,omitempty"`
	Model     string            `json:"m"`
	Tier      string            `json:"s,omitempty"` // absent: standard
	Pool      string            `json:"k"`
	Above     int64             `json:"a,omitempty"`
	Inclusive bool              `json:"i,omitempty"`
	Price     *meter.TokenPrice `json:"n,omitempty"` // absent: withdrawn
	From      int64             `json:"f"`           // microseconds since 1970
	Shipped   bool              `json:"d,omitempty"`
}

type copiedName struct {
	Provider string `json:"p,omitempty"`
	Name     string `json:"n"`
	Model    string `json:"m,omitempty"`
	Shipped  bool   `json:"d,omitempty"`
}

func encode(r rows, currency string) ([]byte, error) {
	c := copied{currency, make([]copiedPrice, len(r.prices)), make([]copiedName, len(r.names))}
	for i, p := range r.prices {
		c.Prices[i] = copiedPrice{Tenant: p.Tenant, Provider: p.Provider, Model: p.Model,
			Pool: p.Pool.String(), Above: p.Above, Inclusive: p.Inclusive, From: p.From.UnixMicro(),
			Shipped: p.Shipped}
		if p.Tier != meter.TierStandard {
			c.Prices[i].Tier = p.Tier.String()
		}
		if !p.Withdrawn {
			c.Prices[i].Price = &p.Price
		}
	}
	for i, n := range r.names {
		c.Names[i] = copiedName{n.Provider, n.Name, n.Model, n.Shipped}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode copy of prices: %w", err)
	}
	return text, nil
}

func decode(text []byte, currency string) (r rows, err error) {
	var c copied
	if err := strict.Unmarshal(text, &c); err != nil {
		return r, fmt.Errorf("decode copy of prices: %w", err)
	}
	if c.Currency != currency {
		return r, fmt.Errorf("decode copy of prices: it is in %q, not in %s", c.Currency, currency)
	}
	for _, p := range c.Prices {
		row := price.Row{
			Key:       price.Key{Tenant: p.Tenant, Provider: p.Provider, Model: p.Model, Above: p.Above},
			Inclusive: p.Inclusive, Withdrawn: p.Price == nil, From: time.UnixMicro(p.From).UTC(),
			Shipped: p.Shipped,
		}
		if p.Tier != "" {
			if row.Tier, err = meter.ParseServiceTier(p.Tier); err != nil {
				return r, fmt.Errorf("decode copy of prices: service tier %w", err)
			}
		}
		if row.Pool, err = meter.ParsePool(p.Pool); err != nil {
			return r, fmt.Errorf("decode copy of prices: pool %w", err)
		}
		if p.Price != nil {
			row.Price = *p.Price
		}
		r.prices = append(r.prices, row)
	}
	for _, n := range c.Names {
		r.names = append(r.names, price.Name{Provider: n.Provider, Name: n.Name, Model: n.Model,
			Shipped: n.Shipped})
	}
	return r, nil
}
