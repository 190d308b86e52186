package e2e

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Every command takes all of a tenant's names and tells the one that people see.
func TestCommandsTakeEveryNameOfATenant(t *testing.T) {
	env := stacktest.New(t)
	s := settingsOf(env)
	succeed(t, s, "tenants", "add", "acme")
	succeed(t, s, "tenants", "add", "globex")
	if status, _, stderr := execute(t, s, "keys", "create", "--scope", "read", "--tenant",
		"acme"); status != 0 {
		t.Fatal(stderr)
	}
	for _, c := range []struct{ args, want string }{
		{"tenants rename acme acme2", "tenant acme is now acme2; its key is acme\n"},
		{"tenants rename acme2 acme3", "tenant acme2 is now acme3; its key is acme\n"},
		{"tenants set acme2 --quota 7", "changed tenant acme3\n"},
		{"tenants list",
			"acme3   7      off      default     1            UTC       80%         active  acme\n"},
		{"tenants list --json", `"aliases": [
      "acme2",
      "acme3"
    ]`},
		{"keys list --tenant acme3", "  acme3 "},
		{"keys list --tenant acme", "  acme3 "},
		{"alerts list --tenant acme2", "no alerts\n"},
		{"alerts resend --tenant acme2", "0 deliveries"},
		{"audit --tenant acme2", "tenant acme,"}, // it is about SQL
		{"tenants rename acme2 acme", "tenant acme2 is now acme; its key is acme\n"},
	} {
		if got := succeed(t, s, strings.Split(c.args, " ")...); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q in it", c.args, got, c.want)
		}
	}
	if status, _, stderr := execute(t, s, "keys", "create", "--scope", "read", "--tenant",
		"acme2"); status != 0 || !strings.Contains(stderr, "scope read, tenant acme,") {
		t.Errorf("exit %d: %s", status, stderr)
	}
	for args, want := range map[string]string{
		"tenants add acme3":           "the name is taken: the name 'acme3' is one of tenant 'acme'",
		"tenants rename globex acme2": "the name is taken: the name 'acme2' is one of tenant 'acme'",
		"tenants rename globex acme":  "the name is taken",
		"tenants rename globex ..":    "tenant name must not be . or ..",
		"tenants rename globex *": "tenant name must not be *, which stands for the defaults of" +
			" all tenants",
		"tenants set * --quota 1":       "no such tenant: a tenant's name must not be *",
		"keys list --tenant *":          "no such tenant: a tenant's name must not be *",
		"tenants rename nobody x":       `no such tenant: "nobody"`,
		"tenants set nobody --quota 1":  `no such tenant: "nobody"`,
		"keys list --tenant nobody":     `no such tenant: "nobody"`,
		"alerts list --tenant nobody":   `no such tenant: "nobody"`,
		"tenants rename globex \u200bx": "must not contain U+200B",
	} {
		status, _, stderr := execute(t, s, strings.Split(args, " ")...)
		if status != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d: %s, want %q", args, status, stderr, want)
		}
	}
	// Names from before that could be taken for another one are quoted.
	if _, err := env.DB.Exec(`BEGIN; SET LOCAL flagmeter.keep_names = 'on';
		INSERT INTO tenants (name)
		VALUES ('shop '), (U&'\200Bshop'), (U&'cafe\0301'); COMMIT`); err != nil {
		t.Fatal(err)
	}
	list := succeed(t, s, "tenants", "list")
	for _, want := range []string{
		"\n\"shop \" ", "\n\"\\u200bshop\" ", "\n\"cafe\\u0301\" ", "\nglobex ",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	// its other spelling
	got := succeed(t, s, "tenants", "set", "café", "--quota", "1")
	if got != "changed tenant \"cafe\\u0301\"\n" {
		t.Errorf("got %q", got)
	}
}
