package ingest

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func (a *api) addPrices(body string) response {
	a.Helper()
	r, err := a.do("POST", "/prices", jsonType, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	return r
}

func TestPricesAreAddedAndListed(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth = true })
	a.key = a.newKey("admin", "")
	r := a.addPrices(`{"prices":[
		{"model":"gpt-4o","provider":"google","pool":"input","price":"2.50"},
		{"model":"gpt-4o","provider":"google","pool":"output","price":"10","serviceTier":"batch","aboveInputTokens":200000,"inclusive":true},
		{"model":"gpt-4o","provider":null,"pool":"input","price":"1","tenant":"acme","effectiveFrom":"2026-01-01T00:00:00+01:00"}]}`)
	if r.status != 201 || !strings.HasPrefix(r.body, `{"currency":"USD","total":3,"prices":[{"tenant":null,"provider":"gcp.gemini",`+
		`"model":"gpt-4o","serviceTier":"standard","pool":"input","aboveInputTokens":0,"inclusive":false,"price":"2.5",`) ||
		!strings.Contains(r.body, `"effectiveFrom":"2025-12-31T23:00:00Z"`) {
		t.Errorf("added: %d %s", r.status, r.body)
	}
	if r := a.get("/prices?tenant=acme"); r.status != 200 || !strings.HasPrefix(r.body, `{"currency":"USD","total":1,"prices":[{"tenant":"acme","provider":null,`) {
		t.Errorf("of a tenant: %d %s", r.status, r.body)
	}
	if r := a.get("/prices?provider=google&limit=1"); r.status != 200 || !strings.HasPrefix(r.body, `{"currency":"USD","total":2,`) ||
		strings.Count(r.body, `"model"`) != 1 {
		t.Errorf("of a provider: %d %s", r.status, r.body)
	}
	if r := a.get("/prices?model=gpt"); r.body != `{"currency":"USD","total":0,"prices":[]}` {
		t.Errorf("of no model: %d %s", r.status, r.body)
	}
}

func TestPricesThatAreRefusedChangeNothing(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth = true })
	a.key = a.newKey("admin", "")
	if r := a.addPrices(`{"prices":[{"model":"m","pool":"input","price":"3","effectiveFrom":"2026-01-01T00:00:00Z"}]}`); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	before := a.get("/prices?all=true").body
	price := func(members string) string {
		return `{"prices":[{"model":"m","pool":"output","price":"3"},{` + members + `}]}`
	}
	for body, want := range map[string]string{
		price(`"model":"m","pool":"input","price":"30"`):                                       "doubtful-prices",
		price(`"model":"m","pool":"input","price":"0"`):                                        "it drops to 0",
		price(`"model":"m","pool":"input","price":null`):                                       "it is withdrawn",
		price(`"model":"m","pool":"input","price":"4","effectiveFrom":"2026-01-01T00:00:00Z"`): "price-taken",
		price(`"model":"m","pool":"input","price":4`):                                          "invalid-price",
		price(`"model":"m","pool":"input","price":"3.0000000001"`):                             "has 10 decimals",
		price(`"model":"m","pool":"input","price":"-3"`):                                       `"prices[1].price","detail":"must not be negative"`,
		price(`"model":"m","pool":"inputs","price":"3"`):                                       `"prices[1].pool"`,
		price(`"model":"m","pool":"input","price":"3","serviceTier":"fast"`):                   `"prices[1].serviceTier"`,
		price(`"model":"` + strings.Repeat("m", 129) + `","pool":"input","price":"3"`):         `"prices[1].model"`,
		price(`"model":"m","provider":"","pool":"input","price":"3"`):                          `"prices[1].provider"`,
		price(`"model":"m","pool":"input","price":"3","tenant":"nobody"`):                      `"prices[1].tenant"`,
		price(`"model":"m","pool":"input","price":"3","aboveInputTokens":-1`):                  `"prices[1].aboveInputTokens"`,
		price(`"model":"m","pool":"input","price":"3","effectiveFrom":"1969-12-31T00:00:00Z"`): `"prices[1].effectiveFrom"`,
		price(`"model":"m","pool":"input","price":"3","colour":"red"`):                         "invalid-price",
		`{"prices":[]}`: "an array of 1 to 1000",
		`{`:             "invalid-price",
	} {
		if r := a.addPrices(body); r.status != 400 && r.status != 409 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s, want %s", body, r.status, r.body, want)
		}
	}
	if after := a.get("/prices?all=true").body; after != before {
		t.Errorf("prices are %s\nbefore %s", after, before)
	}
	r := a.addPrices(`{"accept":true,"prices":[{"model":"m","pool":"input","price":"30"}]}`)
	if r.status != 201 || !strings.Contains(r.body, `"price":"30"`) {
		t.Errorf("accepted: %d %s", r.status, r.body)
	}
	// A tenant's administrator, and whoever may only read, see nothing about money.
	for _, key := range []string{a.newKey("admin", "acme"), a.newKey("read", "")} {
		a.key = key
		if r := a.get("/prices"); r.status != 403 {
			t.Errorf("list: %d %s", r.status, r.body)
		}
		if r := a.addPrices(`{"prices":[{"model":"m","pool":"input","price":"30"}]}`); r.status != 403 {
			t.Errorf("add: %d %s", r.status, r.body)
		}
	}
}
