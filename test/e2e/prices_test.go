package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rowsOf counts prices and names.
func rowsOf(t *testing.T, env *stacktest.Env) (n int) {
	t.Helper()
	err := env.DB.Get(&n, "SELECT (SELECT count(*) FROM prices) + (SELECT count(*) FROM price_names)")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAPriceListThatMayBeWrongChangesNothingUntilItIsAccepted(t *testing.T) {
	env := stacktest.New(t)
	s := settingsOf(env)
	file := filepath.Join(t.TempDir(), "prices.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("provider,model,input,output,aliases\n"+text),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("openai,m,3,15,em\n")
	out := succeed(t, s, "prices", "import", file, "--format", "csv", "--dry-run")
	if n := rowsOf(t, env); n != 0 || !strings.Contains(out, "dry run") {
		t.Fatalf("a dry run left %d rows: %s", n, out)
	}
	out = succeed(t, s, "prices", "import", file, "--format", "csv")
	if !strings.Contains(out, "added 2 prices and 1 name") {
		t.Errorf("import: %s", out)
	}
	out = succeed(t, s, "prices", "import", file, "--format", "csv")
	if !strings.Contains(out, "nothing to change") {
		t.Errorf("the same again: %s", out)
	}
	for _, c := range []struct{ name, text, want string }{
		{"a broken line", "openai,m,4,15,\nopenai,n,3\n", "line 3: it has 3 cells"},
		{"a decimal with 12 digits", "openai,m,3.000000000001,15,\nopenai,o,3,3,\n", "has 12 decimals"},
		{"a price 10 times off", "openai,m,30,15,\n", "it changes by more than 3 times"},
		{"a drop to 0", "openai,m,3,0,\n", "it drops to 0"},
		{"two prices for the same", "openai,p,3,15,\nopenai,p,4,15,\n", "the list has two prices for it"},
		{"an alias of another model", "openai,q,5,15,em\n", "the name leads to another model"},
		{"a model renamed", "openai,m-new,30,15,\n", "in place of m"},
	} {
		write(c.text)
		before := rowsOf(t, env)
		status, out, stderr := execute(t, s, "prices", "import", file, "--format", "csv")
		if status != 1 || !strings.Contains(out+stderr, c.want) ||
			!strings.Contains(stderr, "--accept") ||
			!strings.Contains(stderr, "nothing was changed") {
			t.Errorf("%s: exit %d\n%s%s", c.name, status, out, stderr)
		}
		if after := rowsOf(t, env); after != before {
			t.Errorf("%s: %d rows, before %d", c.name, after, before)
		}
		if c.name == "a price 10 times off" || c.name == "a model renamed" || c.name == "a broken line" {
			succeed(t, s, "prices", "import", file, "--format", "csv", "--accept")
			if after := rowsOf(t, env); after == before {
				t.Errorf("%s: nothing was changed, though accepted", c.name)
			}
		}
	}
	write("\"openai,m,3\n")
	if status, _, stderr := execute(t, s, "prices", "import", file, "--format", "csv",
		"--accept"); status != 1 ||
		!strings.Contains(stderr, "parse error") {
		t.Errorf("a file that is no CSV, accepted: exit %d: %s", status, stderr)
	}
}

func TestPricesAreSetAndListed(t *testing.T) {
	env := stacktest.New(t)
	s := settingsOf(env)
	s["CURRENCY"] = "EUR"
	succeed(t, s, "tenants", "add", "acme")
	succeed(t, s, "tenants", "rename", "acme", "acme-corp")
	succeed(t, s, "prices", "set", "gpt-4o", "input=2.50", "output=10", "--provider", "google")
	succeed(t, s, "prices", "set", "gpt-4o", "input=2", "--tenant", "acme-corp", "--provider",
		"gcp.gemini", "--from", "2100-01-01")
	succeed(t, s, "prices", "set", "gpt-4o", "input=5", "--provider", "google", "--above", "200_000",
		"--tier", "batch")
	for want, args := range map[string][]string{
		"changes by more than 3 times": {"gpt-4o", "input=25", "--provider", "google"},
		"it is withdrawn":              {"gpt-4o", "input=none", "--provider", "google"},
		"choose another instant": {"gpt-4o", "input=3", "--tenant", "acme-corp", "--provider",
			"google", "--from", "2100-01-01"},
		"no such tenant":                  {"gpt-4o", "input=3", "--tenant", "zed"},
		"input has 10 decimals":           {"gpt-4o", "input=0.0000000001"},
		"pool must be one of input":       {"gpt-4o", "inputs=3"},
		"input is there twice":            {"gpt-4o", "input=3", "input=4"},
		"must be POOL=PRICE":              {"gpt-4o", "input"},
		"must be one of standard, batch":  {"gpt-4o", "input=3", "--tier", "fast"},
		"must be a date like 2026-01-31":  {"gpt-4o", "input=3", "--from", "tomorrow"},
		"MODEL must have at most 128":     {strings.Repeat("m", 129), "input=3"},
		"must be at most 1000000":         {"gpt-4o", "input=1000001"},
		"price of input must not be nega": {"gpt-4o", "input=-1"},
	} {
		before := rowsOf(t, env)
		status, out, stderr := execute(t, s, append([]string{"prices", "set"}, args...)...)
		if status == 0 || !strings.Contains(out+stderr, want) || rowsOf(t, env) != before {
			t.Errorf("set %q: exit %d, %s%s", args, status, out, stderr)
		}
	}
	out := succeed(t, s, "prices", "list", "--json")
	var list []struct {
		Tenant, Provider, Price *string
		Model, ServiceTier      string
		AboveInputTokens        int64
		Shipped                 bool
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 4 {
		t.Fatalf("%d prices, %v: %s", len(list), err, out)
	}
	if out := succeed(t, s, "prices", "list"); !strings.Contains(out, "EUR FOR 1,000,000 TOKENS") ||
		!strings.Contains(out, "input=2.5 output=10") || !strings.Contains(out, "acme-corp") ||
		!strings.Contains(out, "> 200000") {
		t.Errorf("list:\n%s", out)
	}
	status, out, stderr := execute(t, s, "prices", "check")
	if status != 1 || !strings.Contains(out, "reasoning has none") {
		t.Errorf("check: exit %d, %s%s", status, out, stderr)
	}

	// The currency is noted: nothing works in another one.
	delete(s, "CURRENCY")
	for _, args := range [][]string{{"prices", "list"}, {"prices", "import", "--shipped"},
		{"flusher"}} {
		if status, _, stderr := execute(t, s, args...); status != 1 ||
			!strings.Contains(stderr, "set CURRENCY=EUR") {
			t.Errorf("%q in USD: exit %d, %s", args, status, stderr)
		}
	}
}

func TestMigrateAddsTheShippedPrices(t *testing.T) {
	env := stacktest.New(t)
	s := settingsOf(env)
	succeed(t, s, "prices", "set", "gpt-4o", "input=7", "--provider", "openai")
	owner := settingsOf(env)
	owner["MIGRATE_DATABASE_URL"] = env.OwnerURL
	owner["CURRENCY"] = "EUR"
	before := rowsOf(t, env)
	if succeed(t, owner, "migrate"); rowsOf(t, env) != before {
		t.Error("prices in USD were added to a deployment in EUR")
	}
	delete(owner, "CURRENCY")
	if out := succeed(t, owner, "migrate"); !strings.Contains(out, "that came with this version") {
		t.Errorf("migrate: %s", out)
	}
	after := rowsOf(t, env)
	if after < 2000 {
		t.Errorf("%d rows", after)
	}
	if succeed(t, owner, "migrate"); rowsOf(t, env) != after {
		t.Error("a second migrate added prices")
	}
	// A model that the operator has priced gets none.
	out := succeed(t, s, "prices", "list", "--model", "gpt-4o", "--provider", "openai")
	if !strings.Contains(out, "input=7") || strings.Contains(out, "shipped") {
		t.Errorf("list:\n%s", out)
	}
	out = succeed(t, s, "prices", "import", "--shipped")
	if !strings.Contains(out, "openai/gpt-4o") {
		t.Errorf("import --shipped:\n%s", out)
	}
	if out := succeed(t, s, "prices", "list", "--model", "gpt-4o", "--provider",
		"openai"); !strings.Contains(out, "shipped") {
		t.Errorf("list after it:\n%s", out)
	}
	if out := succeed(t, s, "prices", "import", "--shipped"); !strings.Contains(out,
		"nothing to change") {
		t.Errorf("import --shipped again:\n%s", out)
	}
}
