package auth

import (
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkAuthenticate is what each kind of credential adds to a request, with 10,000 keys:
//
//	go test ./internal/auth -run '^$' -bench Authenticate -benchmem
func BenchmarkAuthenticate(b *testing.B) {
	env := stacktest.New(b)
	r := newRig(b, env)
	key, _ := r.create(NewKey{Scope: "read"})
	if _, err := env.DB.Exec(`INSERT INTO api_keys (id, hash, session_key, scope)
		SELECT gen_random_uuid(), sha256(n::text::bytea), sha256(n::text::bytea), 'ingest'
		FROM generate_series(1, 10000) AS n`); err != nil {
		b.Fatal(err)
	}
	r.look(r.dir)
	if n := r.dir.Len(); n != 10_001 {
		b.Fatalf("%d keys", n)
	}
	cookie, err := r.signIn(key)
	if err != nil {
		b.Fatal(err)
	}
	s := signers()
	tokens := newTokens(b, TokenOptions{Secret: []byte(secret), JWKS: file(b, set(b, map[string]any{
		"ed": public(s.ed), "ec": public(s.ec), "rsa": public(s.rsa)}))})
	gate := NewGate(r.dir, tokens, "")
	for _, c := range []struct {
		name string
		req  []string
		in   bool
	}{
		{"key", []string{"Authorization: Bearer " + key}, true},
		{"unknown-key", []string{"Authorization: Bearer " + newKey("read")}, false},
		{"session", []string{cookie}, true},
		{"HS256", []string{"Authorization: Bearer " + signed(b, jwt.SigningMethodHS256, []byte(secret),
			good(), nil)}, true},
		{"EdDSA", []string{
			"Authorization: Bearer " + signed(b, jwt.SigningMethodEdDSA, s.ed, good(), nil)}, true},
		{"ES256", []string{
			"Authorization: Bearer " + signed(b, jwt.SigningMethodES256, s.ec, good(), nil)}, true},
		{"RS256", []string{
			"Authorization: Bearer " + signed(b, jwt.SigningMethodRS256, s.rsa, good(), nil)}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			req := ask("GET", "", c.req...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := gate.Authenticate(req); (err == nil) != c.in {
					b.Fatal(err)
				}
			}
		})
	}
}
