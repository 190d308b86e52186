package source

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// liteLLMPools are the fields of model_prices_and_context_window.json that are prices of pools,
// without the context tier and the service tier at their ends.
var liteLLMPools = map[string]meter.Pool{
	"input_cost_per_token":                      meter.Input,
	"cache_read_input_token_cost":               meter.CacheRead,
	"cache_creation_input_token_cost":           meter.CacheWrite,
	"cache_creation_input_token_cost_above_1hr": meter.CacheWrite1h,
	"output_cost_per_token":                     meter.Output,
	"output_cost_per_reasoning_token":           meter.Reasoning,
	"input_cost_per_audio_token":                meter.AudioInput,
	"output_cost_per_audio_token":               meter.AudioOutput,
	"input_cost_per_image_token":                meter.ImageInput,
	"output_cost_per_image_token":               meter.ImageOutput,
}

var liteLLMTiers = map[string]meter.ServiceTier{"": meter.TierStandard, "_batches": meter.TierBatch,
	"_flex": meter.TierFlex, "_priority": meter.TierPriority}

// liteLLMField divides a field: pool, context tier in 1,000 tokens, service tier.
var liteLLMField = regexp.MustCompile(
	`^(.+?)(?:_above_([0-9]{1,6})k_tokens)?(_batches|_flex|_priority)?$`)

func readLiteLLM(text []byte) (list List, err error) {
	var models map[string]json.RawMessage
	if err := json.Unmarshal(text, &models); err != nil {
		return list, err
	}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if name == "sample_spec" {
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(models[name], &fields); err != nil {
			list.Faults = append(list.Faults, Fault{name, err.Error()})
			continue
		}
		readLiteLLMModel(&list, name, fields)
	}
	return list, nil
}

func readLiteLLMModel(list *List, name string, fields map[string]json.RawMessage) {
	provider := unquote(fields["litellm_provider"])
	if provider == "" {
		return // settings of a wildcard, without prices
	}
	// Vertex AI has a provider for each maker of models.
	if base, _, several := strings.Cut(provider, "-"); several && base == "vertex_ai" {
		provider = base
	}
	model := strings.TrimPrefix(name, provider+"/")
	key := price.Key{Provider: price.CanonicalProvider(provider), Model: model}
	e := &entry{list: list, name: provider + "/" + model}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		m := liteLLMField.FindStringSubmatch(field)
		pool, ok := liteLLMPools[m[1]]
		if !ok || string(fields[field]) == "null" {
			continue
		}
		key := key
		key.Pool, key.Tier = pool, liteLLMTiers[m[3]]
		if m[2] != "" {
			thousands, _ := strconv.ParseInt(m[2], 10, 64) // at most six digits
			key.Above = thousands * 1000
		}
		e.add(key, Always, field, unquote(fields[field]), perToken)
	}
	if len(e.rows) == 0 && !e.bad {
		return // priced by the picture, the second or the request
	}
	e.end(key)
}
