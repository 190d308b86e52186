package source

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// genAIProvider is an element of the data.json that genai-prices publishes.
type genAIProvider struct {
	ID     string       `json:"id"`
	Models []genAIModel `json:"models"`
}

type genAIModel struct {
	ID       string          `json:"id"`
	Match    clause          `json:"match"`
	Prices   json.RawMessage `json:"prices"` // prices by field, or a list of genAIDated
	Variants []genAIVariant  `json:"price_variants"`
}

// genAIPrices are prices by field; each is a number or a genAITiers.
type genAIPrices map[string]json.RawMessage

// genAITiers is a price by the size of the input: the last tier whose start the input exceeds holds
// for all tokens.
type genAITiers struct {
	Base  json.RawMessage `json:"base"`
	Tiers []struct {
		Start int64           `json:"start"`
		Price json.RawMessage `json:"price"`
	} `json:"tiers"`
}

// genAIDated are prices from a date on, or at a time of the day.
type genAIDated struct {
	Constraint *genAIConstraint `json:"constraint"`
	Prices     genAIPrices      `json:"prices"`
}

// genAIVariant are prices for requests of a kind. Fields that it has not are as in the others.
type genAIVariant struct {
	When map[string]string `json:"when"`
	genAIDated
}

type genAIConstraint struct {
	StartDate string `json:"start_date"`
	StartTime string `json:"start_time"`
}

// genAIPools are the fields that are prices of pools.
var genAIPools = map[string]meter.Pool{
	"input_mtok":            meter.Input,
	"cache_read_mtok":       meter.CacheRead,
	"cache_write_mtok":      meter.CacheWrite,
	"cache_write_1h_mtok":   meter.CacheWrite1h,
	"output_mtok":           meter.Output,
	"output_reasoning_mtok": meter.Reasoning,
	"input_audio_mtok":      meter.AudioInput,
	"output_audio_mtok":     meter.AudioOutput,
	"input_image_mtok":      meter.ImageInput,
	"output_image_mtok":     meter.ImageOutput,
}

func readGenAI(text []byte) (list List, err error) {
	var providers []genAIProvider
	if err := json.Unmarshal(text, &providers); err != nil {
		return list, err
	}
	for _, p := range providers {
		for _, m := range p.Models {
			m.read(&list, p.ID)
		}
		list.Names = append(list.Names, p.names()...)
	}
	return list, nil
}

func (m *genAIModel) read(list *List, provider string) {
	key := price.Key{Provider: price.CanonicalProvider(provider), Model: m.ID}
	e := &entry{list: list, name: provider + "/" + m.ID}
	dated, err := m.dated()
	if err != nil {
		e.fault("prices: %s", err)
		return
	}
	for _, d := range dated {
		if d.Constraint != nil && d.Constraint.StartTime != "" {
			list.Left = append(list.Left, Fault{e.name, "its price depends on the time of day"})
			return
		}
	}
	for _, d := range dated {
		e.genAI(key, d.Constraint, d.Prices)
	}
	e.withdraw()
	for _, v := range m.Variants {
		tier, known := v.tier()
		if !known || v.Constraint != nil && v.Constraint.StartTime != "" {
			list.Left = append(list.Left, Fault{e.name, fmt.Sprintf("prices for %v", v.When)})
			continue
		}
		if tier == meter.TierStandard {
			continue
		}
		// What the variant does not name costs what it costs otherwise.
		all := genAIPrices{}
		for _, d := range dated[len(dated)-1:] {
			for field, value := range d.Prices {
				all[field] = value
			}
		}
		for field, value := range v.Prices {
			all[field] = value
		}
		key := key
		key.Tier = tier
		e.genAI(key, v.Constraint, all)
	}
	e.end(key)
}

// dated are the model's prices, oldest first.
func (m *genAIModel) dated() (dated []genAIDated, err error) {
	if strings.HasPrefix(strings.TrimSpace(string(m.Prices)), "[") {
		err = json.Unmarshal(m.Prices, &dated)
		return dated, err
	}
	one := genAIDated{}
	err = json.Unmarshal(m.Prices, &one.Prices)
	return []genAIDated{one}, err
}

// tier is the service tier that a variant is about.
func (v *genAIVariant) tier() (meter.ServiceTier, bool) {
	if len(v.When) != 1 {
		return 0, false
	}
	if v.When["processing"] == "batch" {
		return meter.TierBatch, true
	}
	switch v.When["service_tier"] {
	case "default", "standard":
		return meter.TierStandard, true
	case "flex":
		return meter.TierFlex, true
	case "priority":
		return meter.TierPriority, true
	}
	return 0, false
}

// genAI adds the prices of one date.
func (e *entry) genAI(key price.Key, c *genAIConstraint, prices genAIPrices) {
	from := Always
	if c != nil {
		var err error
		if from, err = time.Parse(time.DateOnly, c.StartDate); err != nil {
			e.fault("start_date %q is no date", c.StartDate)
			return
		}
	}
	for field, pool := range genAIPools {
		value, ok := prices[field]
		if !ok || string(value) == "null" {
			continue
		}
		key := key
		key.Pool = pool
		if value[0] != '{' {
			e.add(key, from, field, unquote(value), perMillion)
			continue
		}
		var tiers genAITiers
		if err := json.Unmarshal(value, &tiers); err != nil {
			e.fault("%s: %s", field, err)
			continue
		}
		e.add(key, from, field, unquote(tiers.Base), perMillion)
		for _, t := range tiers.Tiers {
			if t.Start <= 0 {
				e.fault("%s has a tier that starts at %d", field, t.Start)
				continue
			}
			key.Above = t.Start
			e.add(key, from, field, unquote(t.Price), perMillion)
		}
	}
}

// withdraw adds the ends of prices: what a later date no longer lists has no price from then on.
func (e *entry) withdraw() {
	var dates []time.Time
	listed := map[time.Time]map[price.Key]bool{}
	for _, r := range e.rows {
		if listed[r.From] == nil {
			dates = append(dates, r.From)
			listed[r.From] = map[price.Key]bool{}
		}
		listed[r.From][r.Key] = true
	}
	for i := 1; i < len(dates); i++ {
		for key := range listed[dates[i-1]] {
			if !listed[dates[i]][key] {
				e.rows = append(e.rows, price.Row{Key: key, From: dates[i], Withdrawn: true})
			}
		}
	}
}

// unquote is the text of a number, or of a text that holds one.
func unquote(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
