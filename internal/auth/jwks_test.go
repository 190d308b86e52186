package auth

import (
	"context"
	"fmt"
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

func TestWhatIsTakenOfASet(t *testing.T) {
	s := signers()
	one := strings.TrimSuffix(strings.TrimPrefix(set(t, map[string]any{"ed": public(s.ed)}),
		`{"keys":[{`), `}]}`)
	for _, c := range []struct {
		name, text string
		keys       int // -1: refused
	}{
		{"one", `{"keys":[{` + one + `}]}`, 1},
		{"with a use", `{"keys":[{` + one + `,"use":"sig"}]}`, 1},
		{"of another algorithm beside it", `{"keys":[{` + one +
			`},{"kty":"XYZ","kid":"x"},{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}]}`, 1},
		{"for encryption beside it", `{"keys":[{` + one + `},{` + one + `,"use":"enc"}]}`, 1},
		{"a secret beside it", `{"keys":[{` + one + `},{"kty":"oct","k":"c2VjcmV0"}]}`, 1},
		{"with a certificate of somebody else",
			`{"keys":[{` + one + `,"x5u":"http://127.0.0.1:1/","x5c":["AA"]}]}`, 1},
		{"for another algorithm", `{"keys":[{` + strings.Replace(one, "EdDSA", "ES256", 1) + `}]}`, 0},
		{"none", `{"keys":[]}`, 0},
		{"empty", ``, -1},
		{"an array", `[]`, -1},
		{"large", `{"keys":[{` + one + `}]` + strings.Repeat(" ", maxJWKS) + `}`, -1},
		{"many", `{"keys":[{` + one + `}` + strings.Repeat(`,{`+one+`}`, maxKeys) + `]}`, -1},
	} {
		keys, err := parseKeys([]byte(c.text))
		if (err != nil) != (c.keys < 0) || err == nil && len(keys) != c.keys {
			t.Errorf("%s: %d keys, %v", c.name, len(keys), err)
		}
	}
	if _, err := NewTokens(TokenOptions{JWKS: "/nowhere/jwks.json"}); err == nil {
		t.Error("a file that is not there is no mistake")
	}
}

// A private key in the file must not be what signs.
func TestAPrivateKeyIsTakenForItsPublicHalf(t *testing.T) {
	keys, err := parseKeys([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
		"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
		"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`))
	if err != nil || len(keys) != 1 || fmt.Sprintf("%T", keys[0].key) != "ed25519.PublicKey" {
		t.Errorf("%+v, %v", keys, err)
	}
}

// Time is that of the bubble: nobody waits.
func TestTheSetIsReadInTheBackground(t *testing.T) {
	s := signers()
	path := file(t, set(t, map[string]any{"one": public(s.ed)}))
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t, TokenOptions{JWKS: path})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go tokens.Keep(ctx, slog.New(slog.DiscardHandler))
		synctest.Wait()
		token := func(id string) string {
			return signed(t, jwt.SigningMethodEdDSA, map[string]any{"one": s.ed, "two": s.otherEd}[id],
				good(), map[string]any{"kid": id})
		}
		if tokens.verify(token("one")) == nil || tokens.verify(token("two")) != nil {
			t.Fatal("the first key is not taken, or the second is")
		}
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(set(t, map[string]any{"two": public(s.otherEd)}))
		if tokens.verify(token("two")) != nil {
			t.Error("it was read on the way of a request")
		}
		time.Sleep(jwksPause + time.Second)
		synctest.Wait()
		if tokens.verify(token("one")) != nil || tokens.verify(token("two")) == nil {
			t.Error("half a minute later it is not in force")
		}
		write("nonsense") // somebody is writing it: what is known stays in force
		time.Sleep(10 * jwksPause)
		synctest.Wait()
		if tokens.verify(token("two")) == nil {
			t.Error("a set that cannot be read has taken the keys away")
		}
	})
}

// Tokens with unknown ids, by the thousand, make a request every half minute and no more.
func TestUnknownKeysMakeNoStorm(t *testing.T) {
	s := signers()
	var asked atomic.Int64
	text := set(t, map[string]any{"one": public(s.ed)})
	transport := roundTrip(func(*http.Request) (*http.Response, error) {
		asked.Add(1)
		w := httptest.NewRecorder()
		_, _ = w.WriteString(text)
		return w.Result(), nil
	})
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t, TokenOptions{JWKS: "https://id.example.com/keys"})
		tokens.keys.client.Transport = transport
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go tokens.Keep(ctx, slog.New(slog.DiscardHandler))
		synctest.Wait()
		token := signed(t, jwt.SigningMethodEdDSA, s.ed, good(), map[string]any{"kid": "unknown"})
		start := time.Now()
		for time.Since(start) < 5*time.Minute {
			if tokens.verify(token) != nil {
				t.Fatal("taken")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := asked.Load(); n < 5 || n > 11 {
			t.Errorf("asked %d times in 5 minutes", n)
		}
		asked.Store(0)
		time.Sleep(jwksPause) // the last one that was asked for
		synctest.Wait()
		asked.Store(0)
		time.Sleep(30 * time.Minute)
		if n := asked.Load(); n < 5 || n > 7 {
			t.Errorf("asked %d times in half an hour in which nobody has asked", n)
		}
	})
}

// roundTrip is an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhatAServerOfKeysMayAnswer(t *testing.T) {
	s := signers()
	text := set(t, map[string]any{"one": public(s.ed)})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/keys":
			_, _ = w.Write([]byte(text))
		case "/elsewhere":
			http.Redirect(w, r, "/keys", http.StatusFound)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for path, fine := range map[string]bool{
		"/keys": true, "/elsewhere": false, "/endless": false, "/nothing": false,
	} {
		if err := newKeySet(server.URL+path, 0).renew(t.Context()); (err == nil) != fine {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What an operator is warned of: a set that cannot be read any more, or never could.
func TestTheAgeOfASet(t *testing.T) {
	path := file(t, `{"keys":[]}`)
	synctest.Test(t, func(t *testing.T) {
		read := newTokens(t, TokenOptions{JWKS: path})
		never := newTokens(t, TokenOptions{JWKS: "https://127.0.0.1:1/jwks.json"})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go read.Keep(ctx, slog.New(slog.DiscardHandler))
		time.Sleep(10*jwksPause + time.Second)
		synctest.Wait()
		if age := read.KeysAge(); age != time.Second {
			t.Errorf("%v, want the second since it was read", age)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * jwksPause)
		synctest.Wait()
		if age := read.KeysAge(); age != 10*jwksPause+time.Second {
			t.Errorf("%v without the file", age)
		}
		if age := never.KeysAge(); age != 20*jwksPause+time.Second {
			t.Errorf("%v, want the time since the start", age)
		}
	})
	var none *Tokens
	if age := none.KeysAge() + newTokens(t, TokenOptions{Secret: []byte(secret)}).KeysAge(); age != 0 {
		t.Errorf("%v without a set", age)
	}
}
