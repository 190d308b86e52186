package source

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// modelsDevPools are the members of a cost in the api.json of models.dev.
var modelsDevPools = map[string]meter.Pool{
	"input":        meter.Input,
	"output":       meter.Output,
	"reasoning":    meter.Reasoning,
	"cache_read":   meter.CacheRead,
	"cache_write":  meter.CacheWrite,
	"input_audio":  meter.AudioInput,
	"output_audio": meter.AudioOutput,
}

// modelsDevOver is a member with the costs of a context tier, in 1,000 tokens.
var modelsDevOver = regexp.MustCompile(`^context_over_([0-9]{1,6})k$`)

type modelsDevCost map[string]json.RawMessage

func readModelsDev(text []byte) (list List, err error) {
	var providers map[string]struct {
		Models map[string]struct {
			Cost modelsDevCost `json:"cost"`
		} `json:"models"`
	}
	if err := json.Unmarshal(text, &providers); err != nil {
		return list, err
	}
	for _, provider := range slices.Sorted(maps.Keys(providers)) {
		models := providers[provider].Models
		for _, model := range slices.Sorted(maps.Keys(models)) {
			if len(models[model].Cost) == 0 {
				continue // it is not known what the model costs
			}
			key := price.Key{Provider: price.CanonicalProvider(provider), Model: model}
			e := &entry{list: &list, name: provider + "/" + model}
			e.modelsDev(key, models[model].Cost)
			e.end(key)
		}
	}
	return list, nil
}

// modelsDev adds the costs of one context tier, and those of the tiers inside.
func (e *entry) modelsDev(key price.Key, cost modelsDevCost) {
	for _, member := range slices.Sorted(maps.Keys(cost)) {
		value := cost[member]
		if m := modelsDevOver.FindStringSubmatch(member); m != nil && key.Above == 0 {
			var over modelsDevCost
			if err := json.Unmarshal(value, &over); err != nil {
				e.fault("%s: %s", member, err)
				continue
			}
			thousands, _ := strconv.ParseInt(m[1], 10, 64) // at most six digits
			tier := key
			tier.Above = thousands * 1000
			e.modelsDev(tier, over)
			continue
		}
		pool, ok := modelsDevPools[member]
		if !ok || string(value) == "null" {
			continue
		}
		key := key
		key.Pool = pool
		e.add(key, Always, member, unquote(value), perMillion)
	}
}
