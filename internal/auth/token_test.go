package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// signers are the private keys of the tests; RSA takes its time.
var signers = sync.OnceValue(func() (s struct {
	ed, otherEd ed25519.PrivateKey
	ec, p384    *ecdsa.PrivateKey
	rsa, short  *rsa.PrivateKey
}) {
	_, s.ed, _ = ed25519.GenerateKey(rand.Reader)
	_, s.otherEd, _ = ed25519.GenerateKey(rand.Reader)
	s.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.p384, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	s.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	s.short, _ = rsa.GenerateKey(rand.Reader, 1024)
	return s
})

const secret = "a secret of exactly thirty-two b"

func public(k crypto.Signer) crypto.PublicKey { return k.Public() }

// set is a JWKS of the given public keys by id.
func set(t testing.TB, keys map[string]any) string {
	t.Helper()
	var all jwkset.JWKSMarshal
	for id, key := range keys {
		k, err := jwkset.NewJWKFromKey(key,
			jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: id}})
		if err != nil {
			t.Fatal(err)
		}
		all.Keys = append(all.Keys, k.Marshal())
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newTokens(t testing.TB, o TokenOptions) *Tokens {
	t.Helper()
	o.Issuer, o.Audience, o.Now = "https://id.example.com", "flagmeter",
		func() time.Time { return noon }
	tokens, err := NewTokens(o)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// good are claims that are taken.
func good() jwt.MapClaims {
	return jwt.MapClaims{"iss": "https://id.example.com", "aud": "flagmeter",
		"exp": noon.Add(time.Minute).Unix(), "tenant": "acme", "scope": "read"}
}

// but is good with other claims; nil takes one away.
func but(changes jwt.MapClaims) jwt.MapClaims {
	c := good()
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// signed is a token; header is what its header has beside alg.
func signed(
	t testing.TB, method jwt.SigningMethod, key any, c jwt.MapClaims, header map[string]any,
) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func raw(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// hs256 signs a header and claims as they are written.
func hs256(header, claims, key string) string {
	body := raw(header) + "." + raw(claims)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return body + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestTokensOfEveryAlgorithm(t *testing.T) {
	s := signers()
	tokens := newTokens(t, TokenOptions{Secret: []byte(secret), JWKS: file(t, set(t, map[string]any{
		"ed": public(s.ed), "ec": public(s.ec), "rsa": public(s.rsa)}))})
	kid := func(id string) map[string]any { return map[string]any{"kid": id} }
	for name, token := range map[string]string{
		"HS256":           signed(t, jwt.SigningMethodHS256, []byte(secret), good(), nil),
		"EdDSA":           signed(t, jwt.SigningMethodEdDSA, s.ed, good(), kid("ed")),
		"ES256":           signed(t, jwt.SigningMethodES256, s.ec, good(), kid("ec")),
		"RS256":           signed(t, jwt.SigningMethodRS256, s.rsa, good(), kid("rsa")),
		"no kid, one key": signed(t, jwt.SigningMethodEdDSA, s.ed, good(), nil),
		"several audiences": signed(t, jwt.SigningMethodHS256, []byte(secret),
			but(jwt.MapClaims{"aud": []string{"other", "flagmeter"}}), nil),
		"just expired": signed(t, jwt.SigningMethodHS256, []byte(secret),
			but(jwt.MapClaims{"exp": noon.Add(-29 * time.Second).Unix()}), nil),
		"not quite yet": signed(t, jwt.SigningMethodHS256, []byte(secret),
			but(jwt.MapClaims{"nbf": noon.Add(29 * time.Second).Unix()}), nil),
		"other scopes too": signed(t, jwt.SigningMethodHS256, []byte(secret),
			but(jwt.MapClaims{"scope": "openid read profile"}), nil),
		"admin is left out": signed(t, jwt.SigningMethodHS256, []byte(secret),
			but(jwt.MapClaims{"scope": "admin read"}), nil),
	} {
		who := tokens.verify(token)
		if who == nil || who.Tenant != "acme" || who.Scope != Read || who.Kind != "token" {
			t.Errorf("%s: %+v", name, who)
		}
	}
	who := tokens.verify(signed(t, jwt.SigningMethodHS256, []byte(secret),
		but(jwt.MapClaims{"scope": "ingest read"}), nil))
	if who == nil || who.Scope != Ingest|Read || !who.Expires.Equal(noon.Add(time.Minute+Leeway)) {
		t.Errorf("two scopes: %+v", who)
	}
}

func TestForgedTokens(t *testing.T) {
	s := signers()
	jwks := set(t, map[string]any{"ed": public(s.ed), "ec": public(s.ec), "rsa": public(s.rsa),
		"p384": public(s.p384), "short": public(s.short)})
	tokens := newTokens(t, TokenOptions{Secret: []byte(secret), JWKS: file(t, jwks)})
	claims, err := json.Marshal(good())
	if err != nil {
		t.Fatal(err)
	}
	fine := signed(t, jwt.SigningMethodHS256, []byte(secret), good(), nil)
	if tokens.verify(fine) == nil {
		t.Fatal("a good one is refused")
	}
	parts := strings.Split(fine, ".")
	rsaDER, err := x509.MarshalPKIXPublicKey(public(s.rsa))
	if err != nil {
		t.Fatal(err)
	}
	rsaPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rsaDER}))
	own := `,"jwk":` + strings.TrimSuffix(
		strings.TrimPrefix(set(t, map[string]any{"own": public(s.otherEd)}), `{"keys":[`), `]}`)
	hs := func(c jwt.MapClaims) string {
		return signed(t, jwt.SigningMethodHS256, []byte(secret), c, nil)
	}
	for name, token := range map[string]string{
		// The algorithm.
		"none":                      raw(`{"alg":"none","typ":"JWT"}`) + "." + raw(string(claims)) + ".",
		"None":                      raw(`{"alg":"None"}`) + "." + raw(string(claims)) + ".",
		"none, with a signature":    raw(`{"alg":"none"}`) + "." + raw(string(claims)) + "." + parts[2],
		"no algorithm":              raw(`{"typ":"JWT"}`) + "." + raw(string(claims)) + "." + parts[2],
		"an empty algorithm":        hs256(`{"alg":""}`, string(claims), secret),
		"an algorithm that is a 5":  hs256(`{"alg":5}`, string(claims), secret),
		"hs256 in lower case":       hs256(`{"alg":"hs256"}`, string(claims), secret),
		"HS512":                     signed(t, jwt.SigningMethodHS512, []byte(secret), good(), nil),
		"HS256 with the public PEM": hs256(`{"alg":"HS256","kid":"rsa"}`, string(claims), rsaPEM),
		"HS256 with the public DER": hs256(`{"alg":"HS256","kid":"rsa"}`, string(claims), string(rsaDER)),
		"HS256 with the public key": hs256(`{"alg":"HS256","kid":"ed"}`,
			string(claims), string(public(s.ed).(ed25519.PublicKey))),
		"HS256 with an empty key": hs256(`{"alg":"HS256"}`, string(claims), ""),
		"PS256": signed(t, jwt.SigningMethodPS256, s.rsa, good(),
			map[string]any{"kid": "rsa"}),
		"RS512": signed(t, jwt.SigningMethodRS512, s.rsa, good(), map[string]any{"kid": "rsa"}),
		"ES384": signed(t, jwt.SigningMethodES384, s.p384, good(),
			map[string]any{"kid": "p384"}),
		"a short RSA key": signed(t, jwt.SigningMethodRS256, s.short, good(),
			map[string]any{"kid": "short"}),
		// The key.
		"another secret": signed(t, jwt.SigningMethodHS256, []byte(secret+"x"), good(), nil),
		"another key": signed(t, jwt.SigningMethodEdDSA, s.otherEd, good(),
			map[string]any{"kid": "ed"}),
		"another key, no kid": signed(t, jwt.SigningMethodEdDSA, s.otherEd, good(), nil),
		"an unknown kid": signed(t, jwt.SigningMethodEdDSA, s.ed, good(),
			map[string]any{"kid": "gone"}),
		"a kid of another kind": signed(t, jwt.SigningMethodEdDSA, s.ed, good(),
			map[string]any{"kid": "rsa"}),
		"a kid that is a 5": signed(t, jwt.SigningMethodEdDSA, s.ed, good(),
			map[string]any{"kid": 5}),
		"a kid that is a path": signed(t, jwt.SigningMethodEdDSA, s.ed, good(),
			map[string]any{"kid": "../../../../dev/null"}),
		"a key that it brings": signed(t, jwt.SigningMethodEdDSA, s.otherEd, good(),
			map[string]any{"jwk": own}),
		"a key set that it names": signed(t, jwt.SigningMethodEdDSA, s.otherEd, good(),
			map[string]any{"jku": "http://127.0.0.1:1/keys", "kid": "own"}),
		"something critical": signed(t, jwt.SigningMethodHS256, []byte(secret), good(),
			map[string]any{"crit": []string{"exp"}}),
		"something critical, empty": signed(t, jwt.SigningMethodHS256, []byte(secret), good(),
			map[string]any{"crit": nil}),
		// The form.
		"nothing":    "",
		"two parts":  parts[0] + "." + parts[1],
		"four parts": fine + ".x",
		"other claims": parts[0] + "." +
			raw(strings.Replace(string(claims), "acme", "root", 1)) + "." + parts[2],
		"a signature cut":           fine[:len(fine)-1],
		"a signature with more":     fine + "AA",
		"no signature":              parts[0] + "." + parts[1] + ".",
		"padding":                   fine + "=",
		"a space":                   " " + fine,
		"a bit that does not count": fine[:len(fine)-1] + nextDigit(fine[len(fine)-1]),
		"not base64":                "a.b$.c",
		"not JSON":                  raw("{") + "." + raw("{") + "." + parts[2],
		// The claims.
		"another issuer":            hs(but(jwt.MapClaims{"iss": "https://evil.example.com"})),
		"no issuer":                 hs(but(jwt.MapClaims{"iss": nil})),
		"another audience":          hs(but(jwt.MapClaims{"aud": "other"})),
		"no audience":               hs(but(jwt.MapClaims{"aud": nil})),
		"an empty list of audience": hs(but(jwt.MapClaims{"aud": []string{}})),
		"expired":                   hs(but(jwt.MapClaims{"exp": noon.Add(-Leeway).Unix()})),
		"no end":                    hs(but(jwt.MapClaims{"exp": nil})),
		"an end that is text":       hs(but(jwt.MapClaims{"exp": "never"})),
		"not yet":                   hs(but(jwt.MapClaims{"nbf": noon.Add(Leeway + time.Second).Unix()})),
		"no tenant":                 hs(but(jwt.MapClaims{"tenant": nil})),
		"an empty tenant":           hs(but(jwt.MapClaims{"tenant": ""})),
		"tenants":                   hs(but(jwt.MapClaims{"tenant": []string{"acme"}})),
		"no scope":                  hs(but(jwt.MapClaims{"scope": nil})),
		"another scope":             hs(but(jwt.MapClaims{"scope": "write"})),
		"admin":                     hs(but(jwt.MapClaims{"scope": "admin"})),
		"a scope in another case":   hs(but(jwt.MapClaims{"scope": "READ"})),
		"scopes as a list":          hs(but(jwt.MapClaims{"scope": []string{"read"}})),
	} {
		if who := tokens.verify(token); who != nil {
			t.Errorf("%s: taken for %+v", name, who)
		}
	}
	// What is not set up is not taken.
	onlyKeys, onlySecret := newTokens(t, TokenOptions{JWKS: file(t, jwks)}),
		newTokens(t, TokenOptions{Secret: []byte(secret)})
	if onlyKeys.verify(fine) != nil ||
		onlyKeys.verify(hs256(`{"alg":"HS256"}`, string(claims), "")) != nil {
		t.Error("HS256 is taken without a secret")
	}
	if onlySecret.verify(signed(t, jwt.SigningMethodEdDSA, s.ed, good(), nil)) != nil {
		t.Error("EdDSA is taken without keys")
	}
	if none, err := NewTokens(TokenOptions{}); none != nil || err != nil {
		t.Errorf("with neither: %v, %v", none, err)
	}
}

// nextDigit changes the bits of a last digit that stand for nothing.
func nextDigit(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, c)^1])
}
