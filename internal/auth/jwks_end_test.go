package auth

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A signer that takes its keys back ends the tokens that they have signed: those that come, and
// connections that are open.
func TestTokensEndWithTheirKey(t *testing.T) {
	s := signers()
	both := map[string]any{"one": public(s.ed), "two": public(s.ec)}
	for name, c := range map[string]struct {
		set  string
		ends bool
	}{
		"an empty set":                {`{"keys":[]}`, true},
		"the other key alone":         {set(t, map[string]any{"two": public(s.ec)}), true},
		"another key of the same id":  {set(t, map[string]any{"one": public(s.otherEd)}), true},
		"no key that checks a token":  {`{"keys":[{"kty":"XYZ","kid":"one"}]}`, true},
		"the key by another id":       {set(t, map[string]any{"three": public(s.ed)}), false},
		"the same set":                {set(t, both), false},
		"a file that is being copied": {`{"keys":[{"kty":"OKP",`, false},
		"a file that was emptied":     {``, false}, // as that: JWKSMaxAge ends it
		"no set":                      {`{}`, false},
	} {
		path := file(t, set(t, both))
		tokens := newTokens(t, TokenOptions{JWKS: path, JWKSMaxAge: time.Hour, Secret: []byte(secret)})
		gate := NewGate(&Directory{now: func() time.Time { return noon }}, tokens, "")
		open := tokens.verify(signed(t, jwt.SigningMethodEdDSA, s.ed, good(),
			map[string]any{"kid": "one"}))
		bySecret := tokens.verify(signed(t, jwt.SigningMethodHS256, []byte(secret), good(), nil))
		if open == nil || bySecret == nil || !gate.Still(open) {
			t.Fatalf("%s: not taken before", name)
		}
		if err := os.WriteFile(path, []byte(c.set), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = tokens.keys.renew(t.Context())
		if gate.Still(open) == c.ends {
			t.Errorf("%s: a connection goes on: %v", name, !c.ends)
		}
		if !gate.Still(bySecret) {
			t.Errorf("%s: a token by the secret has ended", name)
		}
	}
}

// An address that cannot be reached keeps stolen keys in force for JWKSMaxAge, and no longer.
// Time is that of the bubble: nobody waits.
func TestASetThatCannotBeReadGetsTooOld(t *testing.T) {
	s := signers()
	text := set(t, map[string]any{"one": public(s.ed)})
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		tokens := newTokens(t,
			TokenOptions{JWKS: "https://id.example.com/keys", JWKSMaxAge: 6 * time.Hour})
		tokens.keys.client.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			if down.Load() {
				return nil, errors.New("no route to host")
			}
			w := httptest.NewRecorder()
			_, _ = w.WriteString(text)
			return w.Result(), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var log bytes.Buffer
		go tokens.Keep(ctx, slog.New(slog.NewTextHandler(&log, nil)))
		synctest.Wait()
		token := signed(t, jwt.SigningMethodEdDSA, s.ed, good(), map[string]any{"kid": "one"})
		open := tokens.verify(token)
		if open == nil {
			t.Fatal("not taken")
		}
		down.Store(true)
		time.Sleep(6*time.Hour - jwksEvery)
		if tokens.verify(token) == nil || !tokens.stillValid(open) {
			t.Error("it has ended before its time")
		}
		time.Sleep(jwksEvery + jwksPause)
		synctest.Wait()
		if tokens.verify(token) != nil || tokens.stillValid(open) {
			t.Error("keys that cannot be read stay in force")
		}
		if n := strings.Count(log.String(), "too old"); n != 1 {
			t.Errorf("it is said %d times: %s", n, &log)
		}
		down.Store(false)
		time.Sleep(2 * jwksPause)
		synctest.Wait()
		if tokens.verify(token) == nil || !tokens.stillValid(open) {
			t.Error("they are not in force when the set can be read again")
		}
	})
}

// Nobody can take a token back, so it must end soon.
func TestTokensLiveForALimitedTime(t *testing.T) {
	tokens := newTokens(t, TokenOptions{Secret: []byte(secret), MaxLifetime: time.Hour})
	for name, c := range map[string]struct {
		from, to any // claims iat and exp, from noon
		taken    bool
	}{
		"an hour":                    {time.Duration(0), time.Hour, true},
		"an hour, no iat":            {nil, time.Hour, true},
		"by a clock that is ahead":   {Leeway, time.Hour + Leeway, true},
		"ten years":                  {time.Duration(0), 87_600 * time.Hour, false},
		"ten years, no iat":          {nil, 87_600 * time.Hour, false},
		"a minute more":              {nil, time.Hour + time.Minute, false},
		"a long one at its end":      {-87_600 * time.Hour, time.Minute, false},
		"a second more than an hour": {-30 * time.Minute, 30*time.Minute + time.Second, false},
	} {
		claims := jwt.MapClaims{"exp": noon.Add(c.to.(time.Duration)).Unix()}
		if from, ok := c.from.(time.Duration); ok {
			claims["iat"] = noon.Add(from).Unix()
		}
		who := tokens.verify(signed(t, jwt.SigningMethodHS256, []byte(secret), but(claims), nil))
		if (who != nil) != c.taken {
			t.Errorf("%s: taken: %v", name, who != nil)
		}
	}
	_, err := Mint(tokens.o, "acme", "read", time.Hour+time.Second)
	if err == nil || !strings.Contains(err.Error(), "JWT_MAX_LIFETIME") {
		t.Errorf("a token is made that nobody takes: %v", err)
	}
}
