// Command generate makes the price list that ships with the program from the data.json of
// genai-prices:
//
//	go run ./internal/price/shipped/generate data.json VERSION DATE > internal/price/shipped/prices.csv
package main

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/price/source"
)

// makers are the providers that are listed with all their models.
var makers = []string{"openai", "anthropic", "gcp.gemini", "mistral_ai", "cohere", "deepseek", "x_ai", "meta"}

// hosts are listed with the models of Meta.
var hosts = []string{"groq", "together", "fireworks", "aws.bedrock", "azure.ai.openai", "cerebras"}

var ofMeta = regexp.MustCompile(`(?i)llama`)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: generate data.json VERSION DATE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file, version, date string, to io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	list, err := source.Read("genai-prices", text)
	if err != nil {
		return err
	}
	fmt.Fprintf(to, `# Prices of models in USD for 1,000,000 tokens.
# Source: genai-prices %s (https://github.com/pydantic/genai-prices)
# Licence: MIT, Copyright (c) Pydantic Services Inc. 2025 to present
# Date: %s
# Made by internal/price/shipped/generate; a price by the time of day is left out.
`, version, date)
	return write(to, list)
}

// line is what the prices of one line have in common.
type line struct {
	provider, model string
	tier            meter.ServiceTier
	above           int64
	from            time.Time
}

func write(to io.Writer, list source.List) error {
	cells, aliases := map[line]map[meter.Pool]string{}, map[[2]string][]string{}
	for _, r := range list.Rows {
		if !wanted(r.Provider, r.Model) {
			continue
		}
		for _, provider := range also(r.Provider) {
			l := line{provider, r.Model, r.Tier, r.Above, r.From}
			if cells[l] == nil {
				cells[l] = map[meter.Pool]string{}
			}
			if cells[l][r.Pool] = r.Price.String(); r.Withdrawn {
				cells[l][r.Pool] = "none"
			}
		}
	}
	for _, n := range list.Names {
		for _, provider := range also(n.Provider) {
			aliases[[2]string{provider, n.Model}] = append(aliases[[2]string{provider, n.Model}], n.Name)
		}
	}
	w := csv.NewWriter(to)
	if err := w.Write(append([]string{"provider", "model", "service_tier", "above_input_tokens",
		"effective_from", "aliases"}, meter.PoolNames()...)); err != nil {
		return err
	}
	for _, l := range inOrder(cells) {
		record := []string{l.provider, l.model, "", "", "", ""}
		if l.tier != meter.TierStandard {
			record[2] = l.tier.String()
		}
		if l.above > 0 {
			record[3] = strconv.FormatInt(l.above, 10)
		}
		if !l.from.Equal(source.Always) {
			record[4] = l.from.Format(time.DateOnly)
		}
		model := [2]string{l.provider, l.model}
		record[5] = strings.Join(aliases[model], " ")
		delete(aliases, model) // on the first line of the model
		for i := range meter.NumPools {
			record = append(record, cells[l][i])
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func inOrder(cells map[line]map[meter.Pool]string) (lines []line) {
	for l := range cells {
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.provider, b.provider), cmp.Compare(a.model, b.model),
			cmp.Compare(a.tier, b.tier), a.from.Compare(b.from), cmp.Compare(a.above, b.above))
	})
	return lines
}

func wanted(provider, model string) bool {
	return slices.Contains(makers, provider) || slices.Contains(hosts, provider) && ofMeta.MatchString(model)
}

// also are the providers that have the prices of one: Google's models cost the same in Vertex AI.
func also(provider string) []string {
	if provider == price.CanonicalProvider("google") {
		return []string{provider, price.CanonicalProvider("vertex_ai")}
	}
	return []string{provider}
}
