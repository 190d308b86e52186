package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Leeway is by how much the clock of a token's issuer may differ from ours.
const Leeway = 30 * time.Second

// TokenOptions say which tokens (JWT) are accepted.
type TokenOptions struct {
	// Secret is for HS256; empty: no such tokens.
	Secret []byte
	// JWKS is the file or URL of the public keys for EdDSA, ES256 and RS256; empty: no such
	// tokens.
	JWKS string
	// JWKSMaxAge is how long its keys stay in force while it cannot be read; 0: for ever.
	JWKSMaxAge time.Duration
	// MaxLifetime is how far from now, and from its claim iat, a token may end; 0: any time.
	MaxLifetime time.Duration
	// Issuer must equal iss, and aud must contain Audience.
	Issuer, Audience string
	Now              func() time.Time
}

// Tokens checks tokens. It is safe for concurrent use.
type Tokens struct {
	o      TokenOptions
	keys   *keySet // nil without JWKS
	parser *jwt.Parser
}

// claims are the claims that count. A token without a tenant or a scope is refused.
type claims struct {
	jwt.RegisteredClaims
	Tenant string `json:"tenant"`
	Scope  string `json:"scope"` // names separated by spaces, as in OAuth
}

// UnmarshalJSON reads claims by their exact names and refuses an object that has a name twice.
// encoding/json, which jwt uses, ignores case and lets the last one win: in a token with both
// "Tenant" and "tenant" it may find another tenant than the issuer meant.
func (c *claims) UnmarshalJSON(text []byte) error {
	type plain claims // without this method
	return json.Unmarshal(text, (*plain)(c))
}

var errToken = errors.New("the token cannot be used")

// NewTokens returns nil if no kind of token is accepted. It fails if JWKS is an unusable file; Keep
// fetches a URL.
func NewTokens(o TokenOptions) (*Tokens, error) {
	t := &Tokens{o: o}
	var methods []string
	if len(o.Secret) > 0 {
		methods = append(methods, "HS256")
	}
	if o.JWKS != "" {
		methods = append(methods, "EdDSA", "ES256", "RS256")
		t.keys = newKeySet(o.JWKS, o.JWKSMaxAge)
		if err := t.keys.start(); err != nil {
			return nil, err
		}
	}
	if methods == nil {
		return nil, nil
	}
	t.parser = jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithIssuer(o.Issuer),
		jwt.WithAudience(o.Audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(Leeway), jwt.WithTimeFunc(o.Now),
		jwt.WithStrictDecoding())
	return t, nil
}

// verify returns the principal of a token, or nil.
func (t *Tokens) verify(text string) *Principal {
	if !plainHeader(text) {
		return nil
	}
	var c claims
	var signer *publicKey
	_, err := t.parser.ParseWithClaims(text, &c, func(token *jwt.Token) (key any, err error) {
		key, signer, err = t.key(token)
		return key, err
	})
	if err != nil || t.tooLong(c) {
		return nil
	}
	who := &Principal{Tenant: c.Tenant, Expires: c.ExpiresAt.Add(Leeway), Kind: "token",
		signer: signer}
	for name := range strings.FieldsSeq(c.Scope) {
		// tokens do not grant the management of keys
		if scope, err := ParseScope(name); err == nil && scope&Admin == 0 {
			who.Scope |= scope
		}
	}
	if who.Scope == 0 || meter.CheckName(c.Tenant) != "" {
		return nil
	}
	return who
}

// tooLong reports whether a token lives longer than allowed: tokens cannot be revoked.
func (t *Tokens) tooLong(c claims) bool {
	most := t.o.MaxLifetime
	return most > 0 && (c.ExpiresAt.After(t.o.Now().Add(most+Leeway)) ||
		c.IssuedAt != nil && c.ExpiresAt.Sub(c.IssuedAt.Time) > most)
}

// stillValid reports whether the key that signed a token is still in force.
func (t *Tokens) stillValid(who *Principal) bool {
	return who.signer == nil || t.keys.has(who.signer)
}

// plainHeader reports whether every reader reads a token's header alike: an object in UTF-8 with
// each name once. jwt reads it into a map, where the last one wins.
func plainHeader(text string) bool {
	encoded, _, _ := strings.Cut(text, ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	return err == nil && jsontext.Value(header).IsValid()
}

// key returns the key that must have signed a token. The parser has checked the algorithm; the kind
// of key for it is fixed here, whatever the token says. signer is nil for the secret.
func (t *Tokens) key(token *jwt.Token) (key any, signer *publicKey, err error) {
	if _, ok := token.Header["crit"]; ok { // an extension that must be understood, and is not
		return nil, nil, errToken
	}
	alg := token.Method.Alg()
	if alg == "HS256" {
		return t.o.Secret, nil, nil
	}
	kid, named := token.Header["kid"]
	id, isText := kid.(string)
	if named && !isText {
		return nil, nil, errToken
	}
	if signer = t.keys.find(id, named, alg); signer == nil {
		return nil, nil, errToken
	}
	return signer.key, signer, nil
}

// algorithm returns the algorithm of a public key, "" if there is none.
func algorithm(key any) string {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return "EdDSA"
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize == 256 {
			return "ES256"
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits >= 2048 && bits <= 8192 {
			return "RS256"
		}
	}
	return ""
}

// Mint signs a token for a tenant with the secret of o.
func Mint(o TokenOptions, tenant, scope string, ttl time.Duration) (string, error) {
	if len(o.Secret) < config.MinJWTSecret {
		return "", fmt.Errorf("the secret must have at least %d bytes", config.MinJWTSecret)
	}
	if o.MaxLifetime > 0 && ttl > o.MaxLifetime {
		return "", fmt.Errorf("a token lives for %v at the most, as JWT_MAX_LIFETIME says",
			o.MaxLifetime)
	}
	now := o.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: o.Issuer, Audience: jwt.ClaimStrings{o.Audience},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Tenant: tenant, Scope: scope,
	})
	text, err := token.SignedString(o.Secret)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return text, nil
}
