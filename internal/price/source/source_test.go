package source

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// show is a list as text.
func show(l List) string {
	var lines []string
	for _, r := range l.Rows {
		s := fmt.Sprintf("%s/%s %s %s", r.Provider, r.Model, r.Tier, r.Pool)
		if r.Tenant != "" {
			s = r.Tenant + ": " + s
		}
		if r.Above > 0 {
			s += fmt.Sprintf(" above %d %v", r.Above, r.Inclusive)
		}
		if !r.From.Equal(Always) {
			s += " from " + r.From.Format(time.RFC3339)
		}
		if r.Withdrawn {
			lines = append(lines, s+" none")
		} else {
			lines = append(lines, s+" "+r.Price.String())
		}
	}
	slices.Sort(lines)
	for _, n := range l.Names {
		lines = append(lines, fmt.Sprintf("%s/%s > %s", n.Provider, n.Name, n.Model))
	}
	for _, f := range l.Faults {
		lines = append(lines, "fault "+f.Entry+": "+f.Reason)
	}
	for _, f := range l.Left {
		lines = append(lines, "left "+f.Entry+": "+f.Reason)
	}
	return strings.Join(lines, "\n")
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ name, format, text, want string }{
		{"genai-prices", "genai-prices", `[{"id":"google","models":[
			{"id":"gem","match":{"or":[{"starts_with":"gem-x"},{"equals":"gem"},{"regex":"^gem-\\d{8}$"}]},
			 "prices":{"input_mtok":{"base":1.25,"tiers":[{"start":200000,"price":2.5}]},"output_mtok":10,"cache_read_mtok":0.3125,
			   "input_audio_mtok":"1.0","requests_kcount":35},
			 "price_variants":[{"when":{"processing":"batch"},"constraint":{"start_date":"2026-10-14"},"prices":{"input_mtok":0.625}},
			   {"when":{"service_tier":"default"},"prices":{}},{"when":{"speed":"fast"},"prices":{"input_mtok":9}}]},
			{"id":"day","match":{"equals":"day"},"prices":[{"prices":{"input_mtok":1}},
			   {"constraint":{"start_time":"00:30:00+00:00","end_time":"16:30:00+00:00"},"prices":{"input_mtok":2}}]},
			{"id":"o","match":{"equals":"gem-x-latest"},"prices":[{"prices":{"input_mtok":10,"cache_write_mtok":1}},
			   {"constraint":{"start_date":"2025-06-10"},"prices":{"input_mtok":2}}]},
			{"id":"bad","match":{"equals":"bad"},"prices":{"input_mtok":0.1234567891,"output_mtok":1}}]}]`,
			`gcp.gemini/gem batch audioInput from 2026-10-14T00:00:00Z 1
gcp.gemini/gem batch cacheRead from 2026-10-14T00:00:00Z 0.3125
gcp.gemini/gem batch input from 2026-10-14T00:00:00Z 0.625
gcp.gemini/gem batch output from 2026-10-14T00:00:00Z 10
gcp.gemini/gem batch reasoning from 2026-10-14T00:00:00Z 10
gcp.gemini/gem standard audioInput 1
gcp.gemini/gem standard cacheRead 0.3125
gcp.gemini/gem standard input 1.25
gcp.gemini/gem standard input above 200000 false 2.5
gcp.gemini/gem standard output 10
gcp.gemini/gem standard reasoning 10
gcp.gemini/o standard cacheWrite 1
gcp.gemini/o standard cacheWrite from 2025-06-10T00:00:00Z none
gcp.gemini/o standard input 10
gcp.gemini/o standard input from 2025-06-10T00:00:00Z 2
gcp.gemini/gem-######## > gem
gcp.gemini/gem-x > gem
gcp.gemini/gem-x-latest > gem
gcp.gemini/gem-x-####-##-## > gem
gcp.gemini/gem-x-######## > gem
gcp.gemini/gem-x@######## > gem
fault google/bad: input_mtok 0.1234567891 has 10 decimals for 1,000,000 tokens, of which there may be 9
left google/gem: prices for map[speed:fast]
left google/day: its price depends on the time of day`},
		{"litellm", "litellm", `{"sample_spec":{"litellm_provider":"one of","input_cost_per_token":0},
			"gemini/gem":{"litellm_provider":"gemini","input_cost_per_token":1.25e-06,"input_cost_per_token_above_200k_tokens":2.5e-06,
			  "input_cost_per_token_above_200k_tokens_priority":4.5E-6,"input_cost_per_token_batches":6.25e-07,"input_cost_per_token_priority":0.00000225,
			  "output_cost_per_token":1e-05,"output_cost_per_reasoning_token":2e-05,"cache_creation_input_token_cost_above_1hr":6e-06,
			  "max_input_tokens":1000000,"output_cost_per_image":0.04,"input_cost_per_audio_token":null},
			"vertex_ai/claude":{"litellm_provider":"vertex_ai-anthropic_models","input_cost_per_token":3e-06},
			"dall-e":{"litellm_provider":"openai","output_cost_per_image":0.04},
			"odd":{"litellm_provider":"openai","input_cost_per_token":2.857142857142857e-07},
			"text":{"litellm_provider":"openai","input_cost_per_token":"cheap"},
			"list":[1]}`,
			`gcp.gemini/gem batch input 0.625
gcp.gemini/gem priority input 2.25
gcp.gemini/gem priority input above 200000 false 4.5
gcp.gemini/gem standard cacheWrite1h 6
gcp.gemini/gem standard input 1.25
gcp.gemini/gem standard input above 200000 false 2.5
gcp.gemini/gem standard output 10
gcp.gemini/gem standard reasoning 20
gcp.vertex_ai/claude standard input 3
fault list: json: cannot unmarshal array into Go value of type map[string]json.RawMessage
fault openai/odd: input_cost_per_token 2.857142857142857e-07 has 16 decimals for 1,000,000 tokens, of which there may be 9
fault openai/text: input_cost_per_token must be a number, not "cheap"`},
		{"models.dev", "models.dev", `{"mistral":{"models":{"small":{"cost":{"input":0.1,"output":0.3,"cache_read":0,
			  "context_over_200k":{"input":0.2,"output":0.6}}},"free":{"name":"x"},"minus":{"cost":{"input":-1}}}}}`,
			`mistral_ai/small standard cacheRead 0
mistral_ai/small standard input 0.1
mistral_ai/small standard input above 200000 false 0.2
mistral_ai/small standard output 0.3
mistral_ai/small standard output above 200000 false 0.6
mistral_ai/small standard reasoning 0.3
mistral_ai/small standard reasoning above 200000 false 0.6
fault mistral/minus: input must not be negative`},
		{"csv", "csv", "\ufeff# a comment\nmodel,provider,tenant,service_tier,above_input_tokens,inclusive,effective_from,input,output,aliases\n" +
			"m,openai,,,,,,3,0.5,em m-####-##-##\n" +
			"m,openai,,batch,,,2026-01-31,1.5,none,\n" +
			"\"n,1\",,acme,,200000,true,2026-01-31T12:00:00+01:00,0.000000001,,\n" +
			"m,openai,,,,,,3\n" +
			"m,openai,,fast,-1,perhaps,31.1.2026,3.000000000001,-1,\n" +
			"\"\",openai,,,,,,3,,\n" +
			"m,openai,,,,,,,,\n",
			`acme: /n,1 standard input above 200000 true from 2026-01-31T11:00:00Z 0.000000001
openai/m batch input from 2026-01-31T00:00:00Z 1.5
openai/m batch output from 2026-01-31T00:00:00Z none
openai/m standard input 3
openai/m standard output 0.5
openai/em > m
openai/m-####-##-## > m
fault line 6: it has 8 cells, the heading has 10
fault line 7: service_tier must be one of standard, batch, flex, priority, not "fast"
fault line 7: above_input_tokens must be an integer from 0 to 9223372036854775807, not "-1"
fault line 7: inclusive must be true or false, not "perhaps"
fault line 7: effective_from must be a date like 2026-01-31 or a time like 2026-01-31T12:00:00Z, not "31.1.2026"
fault line 7: input has 12 decimals, of which there may be 9
fault line 7: output must not be negative
fault line 8: model must not be empty
fault line 9: it has neither prices nor aliases`},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := Read(c.format, []byte(c.text))
			if got := show(list); err != nil || got != c.want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
}

func TestAFileThatIsNoListIsRefused(t *testing.T) {
	for _, c := range []struct{ format, text, want string }{
		{"yaml", "", `format must be one of csv, genai-prices, litellm, models.dev, not "yaml"`},
		{"csv", "", "its heading: EOF"},
		{"csv", "model,input\n", "it has no prices"},
		{"csv", "model,price\nm,3\n", `column "price" is unknown or there twice`},
		{"csv", "model,input,input\nm,3,4\n", `column "input" is unknown or there twice`},
		{"csv", "input\n3\n", "it has no column model"},
		{"csv", "model,input\n\"m,3\n", "parse error on line 2"},
		{"genai-prices", `{"a":1}`, "cannot unmarshal object"},
		{"genai-prices", `[{"id":"openai"`, "unexpected end of JSON input"},
		{"litellm", `[]`, "cannot unmarshal array"},
		{"models.dev", `{"openai":3}`, "cannot unmarshal number"},
		{"models.dev", `{}`, "it has no prices"},
	} {
		if list, err := Read(c.format, []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, %s; want %q", c.format, c.text, err, show(list), c.want)
		}
	}
}

func TestOnly(t *testing.T) {
	list, err := Read("litellm", []byte(`{"a":{"litellm_provider":"gemini","input_cost_per_token":1e-06},
		"b":{"litellm_provider":"openai","input_cost_per_token":1e-06},"c":{"litellm_provider":"openai","input_cost_per_token":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := show(list.Only([]string{"google"})); got != "gcp.gemini/a standard input 1" {
		t.Errorf("got\n%s", got)
	}
	if got := list.Only([]string{"openai"}); len(got.Rows) != 1 || len(got.Faults) != 1 {
		t.Errorf("got\n%s", show(got))
	}
}

func TestExact(t *testing.T) {
	for text, want := range map[string]meter.TokenPrice{
		"0": 0, "0.0": 0, "-0": 0, "0e9999": 0, "3": 3_000_000_000, "3.750": 3_750_000_000, "1e-9": 1, "10e-10": 1, "1E+6": meter.MaxTokenPrice,
		"0.000000001000": 1, "1000000.0": meter.MaxTokenPrice,
	} {
		if got, err := exact(text, perMillion); got != want || err != nil {
			t.Errorf("exact(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"1e-10": "has 10 decimals", "1e-9999": "has 9999 decimals", "3.000000000001": "has 12 decimals", "-1": "must not be negative",
		"1000000.1": "is more than 1000000", "1e7": "is more than 1000000", "1e9999": "is more than 1000000",
		"": "must be a number", "1e99999": "must be a number", "NaN": "must be a number", "0x1": "must be a number", "1_0": "must be a number",
	} {
		if got, err := exact(text, perMillion); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("exact(%q) = %d, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, format := range Formats() {
		f.Add(format, `{"a":{"litellm_provider":"b","input_cost_per_token":1}}`)
		f.Add(format, "model,input\nm,3")
		f.Add(format, `[{"id":"a","models":[{"id":"m","match":{},"prices":{"input_mtok":{"base":1,"tiers":[{"start":1,"price":2}]}}}]}]`)
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		list, err := Read(format, []byte(text))
		if err == nil {
			price.NewBook(list.Rows, list.Names)
		}
	})
}
