package schema_test

import (
	"errors"
	"testing"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestPricesAreOnlyAdded tries, as the administrator, what would change a price that counted.
func TestPricesAreOnlyAdded(t *testing.T) {
	env := stacktest.New(t)
	mustExec(t, env.DB, "INSERT INTO tenants (name) VALUES ('acme')")
	mustExec(t, env.DB, "INSERT INTO prices (model, pool, nano_per_million) VALUES ('m', 'input', 3000000000)")
	mustExec(t, env.DB, "INSERT INTO price_names (name, model) VALUES ('em', 'm')")
	mustExec(t, env.DB, "INSERT INTO currency (code) VALUES ('EUR')")
	for _, statement := range []string{
		"UPDATE prices SET nano_per_million = 0",
		"UPDATE prices SET effective_from = now()",
		"DELETE FROM prices",
		"TRUNCATE prices",
		"UPDATE price_names SET model = 'n'",
		"DELETE FROM price_names",
		"TRUNCATE price_names",
		"UPDATE currency SET code = 'USD'",
		"DELETE FROM currency",
		"INSERT INTO currency (code) VALUES ('USD')",
		"INSERT INTO prices (model, pool, nano_per_million, effective_from) SELECT 'm', 'input', 1, effective_from FROM prices",
		"INSERT INTO prices (model, pool, nano_per_million) VALUES ('', 'input', 1)",
		"INSERT INTO prices (model, provider, pool, nano_per_million) VALUES ('m', '', 'input', 1)",
		"INSERT INTO prices (model, pool, nano_per_million) VALUES (repeat('m', 129), 'input', 1)",
		"INSERT INTO prices (model, pool, nano_per_million) VALUES ('m', 'cache', 1)",
		"INSERT INTO prices (model, pool, nano_per_million) VALUES ('m', 'output', -1)",
		"INSERT INTO prices (model, pool, nano_per_million) VALUES ('m', 'output', 1000000000000001)",
		"INSERT INTO prices (model, pool, above_input_tokens) VALUES ('m', 'output', -1)",
		"INSERT INTO prices (model, pool, service_tier) VALUES ('m', 'output', 'fast')",
		"INSERT INTO prices (model, pool, effective_from) VALUES ('m', 'output', 'infinity')",
		"INSERT INTO prices (model, pool, tenant) VALUES ('m', 'output', 'zed')",
		"INSERT INTO prices (model, pool, shipped) VALUES ('m', 'output', true)",
		"INSERT INTO prices (model, pool, provider, tenant, shipped) VALUES ('m', 'output', 'p', 'acme', true)",
		"INSERT INTO price_names (name, model) VALUES ('####', 'm')",
	} {
		_, err := env.DB.Exec(statement)
		var refused *pq.Error
		if !errors.As(err, &refused) || refused.Code.Class() != "23" {
			t.Errorf("%s: %v, want a refusal", statement, err)
		}
	}
	mustExec(t, env.DB, "INSERT INTO prices (tenant, model, pool, nano_per_million) VALUES ('acme', 'm', 'input', 0)")
	mustExec(t, env.DB, "INSERT INTO prices (model, pool, effective_from) VALUES ('m', 'input', now() + interval '1 day')")
}

// TestPricesAreAnnounced sees the version grow with every statement that adds some.
func TestPricesAreAnnounced(t *testing.T) {
	env := stacktest.New(t)
	version := func() (n int) {
		if err := env.DB.Get(&n, "SELECT version FROM prices_version"); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, statement := range []string{
		"INSERT INTO prices (model, pool, nano_per_million) VALUES ('m', 'input', 3), ('m', 'output', 3)",
		"INSERT INTO price_names (name, model) VALUES ('em', 'm')",
	} {
		before := version()
		mustExec(t, env.DB, statement)
		if after := version(); after != before+1 {
			t.Errorf("%s: version %d, before %d", statement, after, before)
		}
	}
}
