package prices

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

type rig struct {
	*Directory
	*testing.T
	env *stacktest.Env
	out bytes.Buffer // the log
}

func newRig(t *testing.T, env *stacktest.Env) *rig {
	r := &rig{T: t, env: env}
	r.Directory = r.another("USD")
	return r
}

// another is the directory of a process that starts now.
func (r *rig) another(currency string) *Directory {
	return New(r.env.DB, scripts.New(r.env.Valkey, 1), currency, slog.New(slog.NewTextHandler(&r.out, nil)))
}

func (r *rig) exec(sql string) {
	r.Helper()
	if _, err := r.env.DB.ExecContext(r.Context(), sql); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) refresh() {
	r.Helper()
	if err := r.Refresh(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// cost is what a million tokens of input cost, or why that is not known.
func cost(t *testing.T, d *Directory, c price.Call) string {
	t.Helper()
	if c.At.IsZero() {
		c.At = time.Now()
	}
	c.Usage = meter.Pools{meter.Input: 1_000_000}
	q, err := d.Book().Cost(c)
	switch {
	case err != nil:
		t.Fatal(err)
	case !q.Priced():
		return q.Why.String()
	}
	return q.Cost.String()
}

func TestAPriceIsInForceAfterARefresh(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	call := price.Call{Provider: "p", Model: "m"}
	if got := cost(t, r.Directory, call); r.Loaded() || got != price.UnknownModel.String() {
		t.Errorf("an empty directory: %s", got)
	}
	r.exec("INSERT INTO prices (provider, model, pool, nano_per_million, shipped) VALUES ('p', 'm', 'input', 3000000000, true)")
	r.refresh()
	if got := cost(t, r.Directory, call); got != "3" {
		t.Errorf("after the refresh: %s", got)
	}
	before := r.Book()
	r.refresh()
	if r.Book() != before {
		t.Error("the table was read although it has not changed")
	}
	r.exec("INSERT INTO price_names (name, model) VALUES ('em-##', 'm')")
	r.refresh()
	call.Model = "em-07"
	if got := cost(t, r.Directory, call); got != "3" {
		t.Errorf("by a pattern: %s", got)
	}

	other := r.another("EUR")
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := cost(t, other, call); got != price.UnknownModel.String() {
		t.Errorf("a shipped price, in EUR: %s", got)
	}
}

func TestADirectoryStartsFromTheCopyWhilePostgresIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	r.exec("INSERT INTO tenants (name) VALUES ('acme')")
	r.exec(`INSERT INTO prices (tenant, provider, model, service_tier, pool, above_input_tokens, inclusive,
		nano_per_million, effective_from, shipped) VALUES
		(NULL, 'p', 'm', 'standard', 'input', 0, false, 3000000000, '1970-01-01Z', true),
		(NULL, 'p', 'm', 'batch', 'input', 0, false, 0, '1970-01-01Z', true),
		(NULL, 'p', 'm', 'flex', 'input', 1000000, true, 2, '1970-01-01Z', false),
		(NULL, 'p', 'm', 'standard', 'input', 0, false, NULL, '2100-01-01Z', true),
		('acme', NULL, 'm', 'standard', 'input', 0, false, 1, '2000-01-01T00:00:00.000001Z', false)`)
	r.exec("INSERT INTO price_names (provider, name, model, shipped) VALUES ('p', 'em', 'm', true), (NULL, 'gone', NULL, false)")
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.env.Stack.Postgres.Kill()
	later := r.another("USD")
	if err := later.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.out.String(), "started with the copy") {
		t.Errorf("log: %s", r.out.String())
	}
	edge := time.Date(2000, 1, 1, 0, 0, 0, 1000, time.UTC)
	for _, c := range []price.Call{
		{Provider: "p", Model: "m"},
		{Provider: "p", Model: "em", Tier: meter.TierBatch},
		{Provider: "p", Model: "m", Tier: meter.TierFlex},
		{Provider: "p", Model: "m", Tier: meter.TierPriority},
		{Provider: "p", Model: "m", At: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Tenant: "acme", Model: "m", At: edge}, {Tenant: "acme", Model: "m", At: edge.Add(-time.Microsecond)},
	} {
		if want, got := cost(t, r.Directory, c), cost(t, later, c); got != want {
			t.Errorf("%+v: %s, want %s", c, got, want)
		}
	}
	if err := r.another("EUR").Start(t.Context()); err == nil || !strings.Contains(err.Error(), `"USD"`) {
		t.Errorf("in EUR, from a copy in USD: %v", err)
	}
	for broken, want := range map[string]string{"{": "decode copy of prices",
		`{"currency":"USD","prices":[{"k":"x"}]}`: "pool must be one of"} {
		if err := r.valkey.PricesCopy().Save(t.Context(), []byte(broken)); err != nil {
			t.Fatal(err)
		}
		if err := r.another("USD").Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with the copy %s: %v", broken, err)
		}
	}
	if err := r.env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := later.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if has, err := r.valkey.PricesCopy().Has(t.Context(), later.copy); err != nil || !has {
		t.Errorf("the copy is not renewed: %v", err)
	}
}
