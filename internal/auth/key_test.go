package auth

import (
	"regexp"
	"strings"
	"testing"
)

func TestAKeyHasTheFormThatScannersLookFor(t *testing.T) {
	seen := map[string]bool{}
	for _, scope := range Scopes {
		form := regexp.MustCompile("^fm_" + scope + "_[0-9A-Za-z]{49}$")
		for range 200 {
			key := newKey(scope)
			if !form.MatchString(key) || !IsKey(key) {
				t.Fatalf("%s is no key", key)
			}
			if seen[key] {
				t.Fatalf("%s again", key)
			}
			seen[key] = true
		}
	}
}

// Known values: a key that was given out must be one in every later version.
func TestTheFormOfAKeyDoesNotChange(t *testing.T) {
	key := "fm_read_" + strings.Repeat("0", 42) + "1"
	if got := checksum(key); got != "0Aqch3" || !IsKey(key+got) {
		t.Errorf("checksum %s", got)
	}
}

func TestATypingErrorIsFound(t *testing.T) {
	key := newKey("ingest")
	for i := range key {
		for _, c := range []byte("0aZ_. é") {
			wrong := key[:i] + string(c) + key[i+1:]
			if wrong != key && IsKey(wrong) {
				t.Errorf("%s is taken for a key, made of %s", wrong, key)
			}
		}
	}
	for _, wrong := range []string{
		"", "fm_", key[:len(key)-1], key + "0", " " + key, strings.ToUpper(key),
		strings.Replace(key, "ingest", "admin", 1),
		"fm__" + key, "fm_ingest_", key + strings.Repeat("x", 1<<20),
	} {
		if IsKey(wrong) {
			t.Errorf("%.80s is taken for a key", wrong)
		}
	}
}

func TestScopes(t *testing.T) {
	needs := []Need{Nobody, Public, ToIngest, ToRead, ToAdmin, ToReadAll, ToAdminAll}
	for _, c := range []struct{ scope, tenant, may string }{
		{"ingest", "", "0110000"},
		{"read", "", "0101010"},
		{"read", "acme", "0101000"},
		{"admin", "", "0111111"},
		{"admin", "acme", "0111100"},
	} {
		scope, err := ParseScope(c.scope)
		if err != nil || scope.String() != c.scope {
			t.Errorf("%s: %v, %v", c.scope, scope, err)
		}
		got := ""
		for _, n := range needs {
			if (&Principal{Scope: scope, Tenant: c.tenant}).May(n) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != c.may {
			t.Errorf("%s of %q may %s, want %s", c.scope, c.tenant, got, c.may)
		}
	}
	if _, err := ParseScope("Admin"); err == nil {
		t.Error("a scope in another case is taken")
	}
}
