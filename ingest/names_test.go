package ingest

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

const (
	composed   = "caf\u00e9"  // é in one character
	decomposed = "cafe\u0301" // and in two
)

func eventOf(tenant, feature string) string {
	// strings and a number
	text, _ := json.Marshal(map[string]any{"tenant": tenant, "feature": feature, "tokens": 1})
	return string(text)
}

// With AUTO_CREATE each of these was a tenant with a quota.
func TestNamesThatLookAlikeAreNotTwoTenants(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.autoCreate = true })
	a.counted(eventOf("shop", "chat"))
	before := a.state()
	for _, odd := range []string{"shop ", " shop", "shop\u00a0", "\u200bshop", "sh\u200dop",
		"sh\u00adop", "\ufeffshop", "sh\u202eop", "\u2066shop\u2069",
		"sh\u00a0op", "shop\u2003", "sh\u2028op", "shop\ufe0f", "shop\U000e0001", "\u3164", "\u2800"} {
		for _, c := range []struct{ body, field string }{{eventOf(odd, "chat"), "tenant"},
			{eventOf("shop", odd), "feature"}} {
			p := a.refused(a.post(jsonType, c.body), 400, "invalid-event")
			if len(p.Errors) != 1 || p.Errors[0].Field != c.field ||
				!strings.Contains(p.Errors[0].Detail, "blank") &&
					!strings.Contains(p.Errors[0].Detail, "cannot be seen") {
				t.Errorf("%q: errors %+v, want one of %s", odd, p.Errors, c.field)
			}
		}
	}
	a.unchanged(before)
	// These only look odd to whoever does not read them.
	for _, fine := range []string{"日本 支店", "日本\u3000支店", "Łódź", "a b", "naïve", "🦉", "שלום", "نص"} {
		a.counted(eventOf(fine, fine))
	}
}

func TestNamesAreBroughtIntoNormalForm(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.autoCreate = true })
	for _, spelling := range []string{decomposed, composed} {
		a.counted(eventOf(spelling, spelling))
		a.counted("[" + eventOf(spelling, "x") + "," + eventOf(spelling, spelling) + "]")
	}
	if got := a.total(composed); got != 6 {
		t.Errorf("%d tokens, want 6", got)
	}
	for _, path := range []string{"/usage/" + url.PathEscape(decomposed), "/tenants?q=" +
		url.QueryEscape("E\u0301"),
		"/usage/" + url.PathEscape(composed) + "/series?split=feature&feature=" +
			url.QueryEscape(decomposed)} {
		if r := a.get(path); r.status != 200 || !strings.Contains(r.body, `"`+composed+`"`) ||
			strings.Contains(r.body, decomposed) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	// An id is what the client says, byte for byte: two ids are two events.
	first := a.counted(named("acme", 1, `,"id":"`+composed+`"`))
	second := a.counted(named("acme", 1, `,"id":"`+decomposed+` "`))
	if first.Accepted != 1 || second.Accepted != 1 || a.total("acme") != 2 {
		t.Errorf("two ids are one event: %+v, %+v", first, second)
	}
	for name, n := range map[string]int64{composed: 1, decomposed: 0} {
		var rows int64
		if err := a.env.DB.Get(&rows, "SELECT count(*) FROM tenants WHERE name = $1", name); err != nil ||
			rows != n {
			t.Errorf("%d tenants are called %q, want %d: %v", rows, name, n, err)
		}
	}
}

// What was there before such names were refused goes on, and can be renamed.
func TestOddNamesFromBeforeKeepWorking(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.DB.Exec(`BEGIN; SET LOCAL flagmeter.keep_names = 'on';
		INSERT INTO tenants (name) VALUES ('shop'), ('shop '), (U&'\200Bshop'), (U&'only\0301');
		INSERT INTO kept_features
		VALUES ('shop ', 'chat '), ('shop', U&'cafe\0301'); COMMIT`); err != nil {
		t.Fatal(err)
	}
	a := newAPI(t, env, func(s *setup) { s.autoCreate = true })
	for n, name := range []string{"shop", "shop ", "\u200bshop", "only\u0301"} {
		for range n + 1 {
			a.counted(eventOf(name, "chat"))
		}
		if got := a.total(name); got != int64(n+1) {
			t.Errorf("%q has %d tokens, want %d", name, got, n+1)
		}
	}
	// A name of which there is one spelling only is found by the other.
	a.counted(eventOf("onl\u00fd", "chat"))
	if got := a.total("only\u0301"); got != 5 {
		t.Errorf("the other spelling is another tenant: %d tokens, want 5", got)
	}
	// Features are kept for whose they are.
	a.counted(eventOf("shop ", "chat "))
	a.refused(a.post(jsonType, eventOf("shop", "chat ")), 400, "invalid-event")
	a.counted(eventOf("shop", decomposed))
	a.counted(eventOf("shop", composed)) // which is another one
	if r := a.get("/usage/shop"); !strings.Contains(r.body, `"`+composed+`"`) ||
		!strings.Contains(r.body, `"`+decomposed+`"`) {
		t.Errorf("features of shop: %s", r.body)
	}
	if r := a.rename(url.PathEscape("shop "), `"shop 2"`); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	a.counted(eventOf("shop ", "chat "))
	a.counted(eventOf("shop 2", "chat "))
	if got := a.total("shop 2"); got != 5 {
		t.Errorf("%d tokens, want 5", got)
	}
	if r := a.rename(url.PathEscape("shop 2"), `"shop "`); r.status != 200 { // its own old name
		t.Errorf("back: %d %s", r.status, r.body)
	}
}

// No tenant may be called as all of them are together; one that is from before goes on.
func TestNoTenantIsAllTenants(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth, s.autoCreate = true, true })
	a.key = a.newKey("admin", "")
	token, err := auth.Mint(a.tokens(), meter.Defaults, "read ingest", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	before := a.state()
	p := a.refused(a.post(jsonType, "["+eventOf("acme", "*")+","+eventOf("*", "chat")+"]"), 400,
		"invalid-event")
	if len(p.Errors) != 1 || p.Errors[0].Field != "tenant" || !slices.Equal(p.indexes(), []int{1}) ||
		!strings.Contains(p.Errors[0].Detail, "must not be *") {
		t.Errorf("%+v", p.Errors)
	}
	a.refused(a.get("/usage/*"), 404, "unknown-tenant")
	a.refused(a.as(token).get("/usage/acme"), 401, "unauthorized")
	a.unchanged(before)

	a.addTenants(meter.Defaults)
	a.counted(eventOf("*", "chat"))
	if got := a.as(token).total("*"); got != 1 {
		t.Errorf("%d tokens, want 1", got)
	}
	if r, _ := a.createKey(`{"scope":"read","tenant":"*"}`); r.status != 201 {
		t.Errorf("a key of the tenant from before: %d %s", r.status, r.body)
	}
	a.renamed("*", "all-2")
	a.renamed("all-2", "*") // its own old name
}
