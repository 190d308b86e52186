package shipped

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/price/change"
)

var at = time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)

// book is the shipped prices in a new database.
func book(t *testing.T) *price.Book {
	t.Helper()
	w, err := Wanted(at)
	if err != nil {
		t.Fatal(err)
	}
	p := change.Make(nil, nil, w)
	if doubtful := p.Doubtful(); len(doubtful) > 0 || len(p.Conflicts) > 0 {
		t.Errorf("doubtful: %+v, %v", doubtful, p.Conflicts)
	}
	if len(p.Rows) < 2000 || len(p.Names) < 300 {
		t.Errorf("%d prices and %d names", len(p.Rows), len(p.Names))
	}
	return price.NewBook(p.Rows, p.Names)
}

// TestPublishedExamples recomputes costs that others have published: the first those of Anthropic's
// and of genai-prices's documentation, the others what genai-prices 0.2.3 answers.
func TestPublishedExamples(t *testing.T) {
	b := book(t)
	for _, c := range []struct {
		provider, model string
		tier            meter.ServiceTier
		usage           meter.Pools
		want            string
	}{
		{"anthropic", "claude-opus-4-5", 0, meter.Pools{meter.Input: 50_000, meter.Output: 15_000}, "0.625"},
		{"openai", "gpt-4o", 0, meter.Pools{meter.Input: 1000, meter.Output: 100}, "0.0035"},
		{"anthropic", "claude-sonnet-4-5-20250929", 0,
			meter.Pools{meter.Input: 800, meter.CacheRead: 1000, meter.CacheWrite: 200, meter.Output: 500}, "0.01095"},
		{"openai", "gpt-4o-2024-08-06", 0, meter.Pools{meter.Input: 600, meter.CacheRead: 400, meter.Output: 100}, "0.003"},
		{"openai", "gpt-5", meter.TierBatch, meter.Pools{meter.Input: 1000, meter.Output: 100}, "0.001125"},
		{"openai", "gpt-5", meter.TierPriority, meter.Pools{meter.Input: 1000, meter.Output: 100}, "0.0045"},
		{"openai", "o3", meter.TierFlex, meter.Pools{meter.Input: 123, meter.Output: 4000, meter.Reasoning: 567}, "0.018391"},
		{"openai", "gpt-4o-mini", 0, meter.Pools{meter.Input: 7, meter.Output: 3}, "0.00000285"},
		{"anthropic", "claude-haiku-4-5", meter.TierBatch, meter.Pools{meter.Input: 3700, meter.Output: 1}, "0.0018525"},
		{"google", "gemini-2.5-pro", 0, meter.Pools{meter.Input: 200_000, meter.Output: 1000}, "0.26"},
		{"google", "gemini-2.5-pro", 0, meter.Pools{meter.Input: 200_001, meter.Output: 1000}, "0.5150025"},
		{"vertex_ai", "gemini-2.5-flash", 0, meter.Pools{meter.Input: 1000, meter.AudioInput: 500, meter.Output: 10}, "0.000825"},
		{"mistral", "mistral-large-latest", 0, meter.Pools{meter.Input: 1000, meter.Output: 1000}, "0.008"},
		{"cohere", "command-a", 0, meter.Pools{meter.Input: 1000, meter.Output: 1000}, "0.0125"},
		{"xai", "grok-4-0709", 0, meter.Pools{meter.Input: 1000, meter.Output: 1000}, "0.018"},
		{"deepseek", "deepseek-v3.2", 0, meter.Pools{meter.Input: 1000, meter.Output: 1000}, "0.000572"},
		{"groq", "llama-3.3-70b-versatile", 0, meter.Pools{meter.Input: 1000, meter.Output: 1000}, "0.00138"},
		// Without a provider, where all that list the model agree.
		{"", "gpt-4o", 0, meter.Pools{meter.Input: 1000, meter.Output: 100}, "0.0035"},
		{"", "gemini-2.5-pro", 0, meter.Pools{meter.Input: 200_000, meter.Output: 1000}, "0.26"},
		{"", "claude-haiku-4-5-20251001", meter.TierBatch, meter.Pools{meter.Input: 3700, meter.Output: 1}, "0.0018525"},
	} {
		q, err := b.Cost(price.Call{Provider: c.provider, Model: c.model, Tier: c.tier, At: at, Usage: c.usage})
		if err != nil || !q.Priced() || q.Cost.String() != c.want {
			t.Errorf("%s/%s %s costs %s, %s, %v; want %s", c.provider, c.model, c.tier, q.Cost, q.Why, err, c.want)
		}
	}
}

// TestEveryPriceCanBeFound asks for each price by its model, and for each name.
func TestEveryPriceCanBeFound(t *testing.T) {
	w, err := Wanted(at)
	if err != nil {
		t.Fatal(err)
	}
	b := price.NewBook(w.Rows, w.Names)
	for _, r := range w.Rows {
		c := price.Call{Provider: r.Provider, Model: r.Model, Tier: r.Tier, At: at}
		c.Usage[r.Pool] = 1000
		if r.Above > 0 || r.Withdrawn || r.From.After(at) {
			continue
		}
		if q, err := b.Cost(c); err != nil || !q.Priced() && q.Why != price.NoRate {
			t.Errorf("%s/%s %s %s: %s, %v", r.Provider, r.Model, r.Tier, r.Pool, q.Why, err)
		}
	}
	for _, n := range w.Names {
		if b.Model(n.Provider, strings.ReplaceAll(n.Name, "#", "1")) != n.Model {
			t.Errorf("%s/%s does not lead to %s", n.Provider, n.Name, n.Model)
		}
	}
}

func TestSourceLicenceAndDateAreInTheFile(t *testing.T) {
	first, _, _ := bytes.Cut(prices, []byte("\nprovider,"))
	for _, want := range []string{"Source: genai-prices ", "Licence: MIT, Copyright (c) Pydantic", "Date: 2026-"} {
		if !bytes.Contains(first, []byte(want)) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	w, err := Wanted(at)
	if err != nil || w.Source != "shipped: genai-prices 0.2.3" || w.CheckedAt.Year() != 2026 {
		t.Errorf("%q of %s, %v", w.Source, w.CheckedAt, err)
	}
}
