package auth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Whoever signs tokens may let a customer name claims of its own. Only the exact names count,
// and each only once: two readers must not find two different tenants in one token.
func TestClaimsCountByTheirExactNameAndOnce(t *testing.T) {
	tokens := newTokens(t, TokenOptions{Secret: []byte(secret)})
	const header = `{"alg":"HS256"}`
	claims := func(more string) string {
		return fmt.Sprintf(`{"iss":"https://id.example.com","aud":"flagmeter","exp":%d,%s}`,
			noon.Unix()+60, more)
	}
	const own = `"tenant":"acme","scope":"read"`
	for name, token := range map[string]string{
		"as it should be":      hs256(header, claims(own), secret),
		"a tenant in capitals": hs256(header, claims(own+`,"Tenant":"victim"`), secret),
		"in capitals, before":  hs256(header, claims(`"TENANT":"victim",`+own), secret),
		"a scope in capitals":  hs256(header, claims(own+`,"Scope":"read ingest"`), secret),
		// ſ folds to s
		"with folding":           hs256(header, claims(own+`,"ſcope":"read ingest"`), secret),
		"an audience in capital": hs256(header, claims(own+`,"AUD":"other","Exp":1,"ISS":"x"`), secret),
		"claims of others":       hs256(header, claims(own+`,"sub":"u1","roles":["a"]`), secret),
	} {
		if who := tokens.verify(token); who == nil || who.Tenant != "acme" || who.Scope != Read {
			t.Errorf("%s: %+v", name, who)
		}
	}
	for name, token := range map[string]string{
		"a tenant in capitals only": hs256(header, claims(`"Tenant":"victim","scope":"read"`), secret),
		"a scope in capitals only":  hs256(header, claims(`"tenant":"acme","SCOPE":"read"`), secret),
		"two tenants":               hs256(header, claims(own+`,"tenant":"victim"`), secret),
		"the same tenant twice":     hs256(header, claims(own+`,"tenant":"acme"`), secret),
		"two tenants, escaped":      hs256(header, claims(own+`,"\u0074enant":"victim"`), secret),
		"two scopes":                hs256(header, claims(own+`,"scope":"ingest"`), secret),
		"two ends":                  hs256(header, claims(own+`,"exp":99999999999`), secret),
		"a claim of others twice":   hs256(header, claims(own+`,"sub":"a","sub":"b"`), secret),
		"no UTF-8": hs256(header,
			claims(`"tenant":"ac`+"\xff"+`me","scope":"read"`), secret),
		"more behind the claims": hs256(header, claims(own)+`{}`, secret),
		"an end in capitals only": hs256(header,
			strings.Replace(claims(own), `"exp"`, `"EXP"`, 1), secret),
		"two algorithms":             hs256(`{"alg":"none","alg":"HS256"}`, claims(own), secret),
		"an algorithm in capitals":   hs256(`{"ALG":"HS256"}`, claims(own), secret),
		"a critical name in capital": hs256(`{"alg":"HS256","crit":["x"],"Crit":1}`, claims(own), secret),
		"a header that is a list":    hs256(`[]`, claims(own), secret),
		"more behind the header":     hs256(header+`{}`, claims(own), secret),
	} {
		if who := tokens.verify(token); who != nil {
			t.Errorf("%s: taken for %+v", name, who)
		}
	}
}

// The same holds for public keys, and for the copy of the API keys in Valkey.
func TestKeysAreReadByTheirExactNameAndOnce(t *testing.T) {
	one := strings.TrimSuffix(strings.TrimPrefix(
		set(t, map[string]any{"ed": public(signers().ed)}), `{"keys":[{`), `}]}`)
	other := strings.TrimSuffix(strings.TrimPrefix(
		set(t, map[string]any{"ed": public(signers().otherEd)}), `{"keys":[{`), `}]}`)
	for name, text := range map[string]string{
		"keys twice":       `{"keys":[{` + one + `}],"keys":[{` + other + `}]}`,
		"keys in capitals": `{"Keys":[{` + one + `}]}`,
		"a member twice":   `{"keys":[{` + one + `,` + other + `}]}`,
		"more behind":      `{"keys":[{` + one + `}]} {}`,
	} {
		if keys, err := parseKeys([]byte(text)); err == nil {
			t.Errorf("%s: %d keys", name, len(keys))
		}
	}
	keys, err := parseKeys([]byte(`{"keys":[{` + one + `}],"KEYS":[]}`))
	if err != nil || len(keys) != 1 {
		t.Errorf("another name beside keys: %d keys, %v", len(keys), err)
	}

	id := uuid.New()
	hash, session := make([]byte, 32), make([]byte, 32)
	copy, err := encode([]store.APIKey{{ID: id, Hash: hash, SessionKey: session, Scope: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	if rows, _, err := decode(copy); err != nil || len(rows) != 1 || rows[0].ID != id {
		t.Fatalf("%+v, %v", rows, err)
	}
	more := func(member string) []byte {
		return []byte(strings.Replace(string(copy), `"scope":"read"`, `"scope":"read",`+member, 1))
	}
	for _, member := range []string{`"Scope":"admin"`, `"later":{"a":1}`} { // of a later version
		if rows, odd, err := decode(more(member)); err != nil || len(odd) > 0 || rows[0].Scope != "read" {
			t.Errorf("with %s: %+v, %v", member, rows, err)
		}
	}
	if rows, odd, err := decode(more(`"scope":"admin"`)); err != nil || len(rows) != 0 ||
		len(odd) != 1 {
		t.Errorf("a key whose scope is there twice works: %+v, %+v, %v", rows, odd, err)
	}
}
