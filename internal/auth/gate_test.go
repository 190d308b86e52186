package auth

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestWhoIsLetIn(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read", Tenant: "acme"})
	revoked, revokedID := r.create(NewKey{Scope: "admin"})
	r.revoke(revokedID, true)
	r.look(r.dir)
	for _, c := range []struct {
		what    string
		headers []string
		in      bool
	}{
		{"the key", []string{"Authorization: Bearer " + key}, true},
		{"the scheme in another case", []string{"Authorization: bearer " + key}, true},
		{"several spaces", []string{"Authorization: Bearer   " + key}, true},
		{"nothing", nil, false},
		{"no scheme", []string{"Authorization: " + key}, false},
		{"another scheme", []string{"Authorization: Basic " + key}, false},
		{"an empty key", []string{"Authorization: Bearer "}, false},
		{"an empty header", []string{"Authorization: "}, false},
		{"a space behind", []string{"Authorization: Bearer " + key + " "}, false},
		{"two headers", []string{"Authorization: Bearer " + key, "Authorization: Bearer " + key}, false},
		{"two keys", []string{"Authorization: Bearer " + key + ", " + key}, false},
		{"a key that nobody made", []string{"Authorization: Bearer " + newKey("read")}, false},
		{"a typing error", []string{"Authorization: Bearer " + key[:20] + "00" + key[22:]}, false},
		{"a revoked key", []string{"Authorization: Bearer " + revoked}, false},
		{"a token, where none is taken", []string{"Authorization: Bearer a.b.c"}, false},
		{"a long one", []string{"Authorization: Bearer fm_read_" + strings.Repeat("a", 12_000)}, false},
		{"the key in a cookie", []string{"Cookie: __Host-flagmeter=" + key}, false},
		{"of a WebSocket", []string{"Sec-WebSocket-Protocol: flagmeter, bearer." + key}, true},
		{"of a WebSocket, in two headers",
			[]string{"Sec-WebSocket-Protocol: flagmeter", "Sec-WebSocket-Protocol: bearer." + key}, true},
		{"of a WebSocket, wrong",
			[]string{"Sec-WebSocket-Protocol: flagmeter, bearer." + revoked}, false},
		{"two that differ",
			[]string{"Authorization: Bearer " + revoked, "Sec-WebSocket-Protocol: bearer." + key}, false},
	} {
		who, err := r.gate.Authenticate(ask("GET", "", c.headers...))
		switch {
		case c.in && (err != nil || who.KeyID != id || who.Tenant != "acme"):
			t.Errorf("%s: %+v, %v", c.what, who, err)
		case !c.in &&
			(who != nil || err != ErrUnauthorized): // exactly: there is nothing in it that tells why
			t.Errorf("%s: %+v, %v", c.what, who, err)
		}
	}
	_, err := NewGate(r.another(), nil, "").Authenticate(ask("GET", "Bearer "+key))
	if !errors.Is(err, ErrNotReady) {
		t.Errorf("before the keys are known: %v", err)
	}
}

// signIn returns the cookie of a session, as a header.
func (r *rig) signIn(key string, headers ...string) (cookie string, err error) {
	r.Helper()
	w := httptest.NewRecorder()
	_, err = r.gate.SignIn(w, ask("POST", "Bearer "+key, headers...))
	if set := w.Result().Cookies(); len(set) == 1 {
		cookie = "Cookie: " + set[0].Name + "=" + set[0].Value
	}
	return cookie, err
}

func TestASessionEndsWithItsKey(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "admin"})
	cookie, err := r.signIn(key)
	if err != nil {
		t.Fatal(err)
	}
	second := r.another() // knows nothing but what is stored
	r.start(second)
	for name, g := range map[string]*Gate{"first": r.gate, "second": NewGate(second, nil, "")} {
		who, err := g.Authenticate(ask("GET", "", cookie))
		if err != nil || who.KeyID != id || who.Kind != "session" || !g.Still(who) {
			t.Errorf("%s process: %+v, %v", name, who, err)
		}
	}
	who, _ := r.gate.Authenticate(ask("GET", "", cookie))
	r.revoke(id, true)
	r.look(r.dir)
	if _, err := r.gate.Authenticate(ask("GET", "", cookie)); err != ErrUnauthorized ||
		r.gate.Still(who) {
		t.Errorf("it goes on after the key was revoked: %v", err)
	}
}

func TestASessionEndsByItself(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	for _, c := range []struct{ expires, want time.Duration }{
		{0, SessionLength}, {100 * time.Hour, SessionLength + SessionLength},
		{SessionLength + 90*time.Minute, SessionLength + 90*time.Minute},
	} {
		k := NewKey{Scope: "read"}
		if c.expires > 0 {
			k.Expires = noon.Add(c.expires)
		}
		key, _ := r.create(k)
		cookie, err := r.signIn(key)
		if err != nil {
			t.Fatal(err)
		}
		who, err := r.gate.Authenticate(ask("GET", "", cookie))
		if err != nil || !who.Expires.Equal(noon.Add(c.want)) {
			t.Errorf("a key of %v: until %v, %v; want %v", c.expires, who.Expires.Sub(noon), err, c.want)
		}
		r.Advance(noon.Add(c.want).Sub(r.Now()) - time.Nanosecond)
		if !r.gate.Still(who) {
			t.Error("it has ended before its time")
		}
		r.Advance(time.Nanosecond)
		if _, err := r.gate.Authenticate(ask("GET", "", cookie)); err != ErrUnauthorized ||
			r.gate.Still(who) {
			t.Errorf("it has not ended: %v", err)
		}
		r.Set(noon.Add(SessionLength))
	}
}

func TestASessionCannotBeMade(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read", Tenant: "acme"})
	_, adminID := r.create(NewKey{Scope: "admin"})
	cookie, err := r.signIn(key)
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(cookie, "=")
	for i := range value {
		flipped := []byte(value)
		flipped[i] ^= 1
		_, err := r.gate.Authenticate(ask("GET", "", name+"="+string(flipped)))
		if err != ErrUnauthorized {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	// Nor does a session of one key make one of another, or a longer one.
	forged, err := startSession(key, adminID, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.gate.Authenticate(ask("GET", "", name+"="+forged)); err != ErrUnauthorized {
		t.Errorf("signed by another key: %v", err)
	}
	for _, wrong := range []string{
		"", "=", value + "A", value[1:], "flagmeter", strings.Repeat("A", 9000),
	} {
		if _, err := r.gate.Authenticate(ask("GET", "", name+"="+wrong)); err != ErrUnauthorized {
			t.Errorf("%.40s: %v", wrong, err)
		}
	}
	// What the stores hold is no key to sign in with.
	if _, err := r.signIn(string(r.stored(id).Hash)); err != ErrUnauthorized {
		t.Errorf("sign in with a hash: %v", err)
	}
}

func TestACookieIsForThisSiteAlone(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, _ := r.create(NewKey{Scope: "admin"})
	cookie, err := r.signIn(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, header string
		want           error
	}{
		{"GET", "Sec-Fetch-Site: cross-site", nil}, // the cookie is SameSite=Strict; and nothing changes
		{"POST", "Sec-Fetch-Site: same-origin", nil},
		{"POST", "Sec-Fetch-Site: none", nil},
		{"POST", "Sec-Fetch-Site: cross-site", ErrCrossOrigin},
		{"POST", "Sec-Fetch-Site: same-site", ErrCrossOrigin},
		{"DELETE", "Sec-Fetch-Site: cross-site", ErrCrossOrigin},
		{"POST", "Origin: https://meter.example.com", nil},
		{"POST", "Origin: https://evil.example.com", ErrCrossOrigin},
		{"POST", "Origin: null", ErrCrossOrigin},
	} {
		if _, err := r.gate.Authenticate(ask(c.method, "", cookie, c.header)); !errors.Is(err, c.want) {
			t.Errorf("%s with %s: %v, want %v", c.method, c.header, err, c.want)
		}
	}
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example.com"} {
		if set, err := r.signIn(key, header); !errors.Is(err, ErrCrossOrigin) || set != "" {
			t.Errorf("sign in with %s: %v", header, err)
		}
		err := r.gate.SignOut(httptest.NewRecorder(), ask("DELETE", "", header))
		if !errors.Is(err, ErrCrossOrigin) {
			t.Errorf("sign out with %s: %v", header, err)
		}
	}
}

// A browser that came through TLS must not send its session without it, whatever Host a proxy has
// put in, and without a proxy it must be able to sign in.
func TestACookieIsAsSecureAsTheWayToTheServer(t *testing.T) {
	const (
		secure = "__Host-flagmeter=x; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict"
		plain  = "flagmeter=x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
	)
	for _, c := range []struct{ public, host, want string }{
		{"", "meter.example.com", secure},
		{"", "10.0.0.5:3000", secure},
		{"", "localhost.example.com", secure},
		{"", "127.0.0.1.example:3000", secure},
		{"", "127.0.0.1:3000", plain},
		{"", "localhost", plain},
		{"", "[::1]:3000", plain},
		{"https://meter.example.com", "meter.example.com", secure},
		{"https://meter.example.com/", "127.0.0.1:3000", secure}, // nginx, unless it is told otherwise
		{"https://meter.example.com:8443", "localhost", secure},
		{"http://10.0.0.5:3000", "10.0.0.5:3000", plain},
		{"http://localhost:3000", "localhost:3000", plain},
	} {
		req := ask("POST", "")
		req.Host = c.host
		g := NewGate(nil, nil, c.public)
		if got := newCookie(g.secure(req), "x", time.Minute).String(); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.host, c.public, got, c.want)
		}
	}
}

func TestWhoCannotReadCannotSignIn(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, _ := r.create(NewKey{Scope: "ingest"})
	w := httptest.NewRecorder()
	who, err := r.gate.SignIn(w, ask("POST", "Bearer "+key))
	if err != nil || who.May(ToRead) || len(w.Result().Cookies()) > 0 {
		t.Errorf("%+v, %v, %v", who, err, w.Result().Cookies())
	}
}

// Whoever follows GET /live is asked again and again.
func TestStill(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, _ := r.create(NewKey{Scope: "read", Tenant: "acme"})
	who, err := r.gate.Authenticate(ask("GET", "Bearer "+key))
	if err != nil || !r.gate.Still(who) {
		t.Fatalf("%+v, %v", who, err)
	}
	for _, change := range []string{"scope = 'ingest'", "scope = 'read', tenant = 'globex'"} {
		if _, err := r.env.DB.Exec("UPDATE api_keys SET " + change); err != nil {
			t.Fatal(err)
		}
		r.look(r.dir)
		if r.gate.Still(who) {
			t.Errorf("it goes on after %s", change)
		}
	}
}
