package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// browser is the api as a browser sees it that keeps cookies.
func (a *api) browser() *api {
	a.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.Fatal(err)
	}
	b := *a
	client := *a.client
	client.Jar = jar
	b.client, b.key = &client, ""
	return &b
}

// session is the answer of GET /session.
func (a *api) session() (s struct {
	Kind, Scope string
	Tenant      *string
	ExpiresAt   *time.Time
}) {
	a.Helper()
	if r := a.get("/session"); r.status != 200 || json.Unmarshal([]byte(r.body), &s) != nil {
		a.Fatalf("GET /session: %d %s", r.status, r.body)
	}
	return s
}

func TestABrowserSignsInAndOut(t *testing.T) {
	a := guarded(t)
	b := a.browser()
	b.refused(b.get("/session"), 401, "unauthorized")
	b.refused(b.ask("POST", "/session"), 401, "unauthorized")

	r := b.as(a.newKey("admin", "")).ask("POST", "/session")
	set := r.header.Get("Set-Cookie")
	if r.status != 200 || !strings.HasPrefix(set, "flagmeter=") ||
		!strings.Contains(set, "HttpOnly; SameSite=Strict") || strings.Contains(set, "Secure") {
		t.Fatalf("sign in: %d %s, cookie %q", r.status, r.body, set)
	}
	if s := b.session(); s.Kind != "session" || s.Scope != "admin" || s.Tenant != nil ||
		!s.ExpiresAt.Equal(a.clock.Now().Add(auth.SessionLength).Truncate(time.Second)) {
		t.Errorf("session: %+v", s)
	}
	if r := b.get("/usage/acme"); r.status != 200 {
		t.Errorf("GET /usage/acme: %d %s", r.status, r.body)
	}
	// A page of another origin cannot use it.
	req, err := http.NewRequestWithContext(t.Context(), "POST", a.url+"/keys",
		strings.NewReader(`{"scope":"admin"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "https://evil.example.com")
	if r, err = b.send(req); err != nil {
		t.Fatal(err)
	}
	b.refused(r, 403, "foreign-origin")

	if r := b.ask("DELETE", "/session"); r.status != 204 ||
		!strings.Contains(r.header.Get("Set-Cookie"), "flagmeter=; Path=/; Max-Age=0") {
		t.Errorf("sign out: %d, cookie %q", r.status, r.header.Get("Set-Cookie"))
	}
	b.refused(b.get("/usage/acme"), 401, "unauthorized")

	r = b.as(a.newKey("ingest", "")).ask("POST", "/session")
	b.refused(r, 403, "forbidden")
	token, err := auth.Mint(a.tokens(), "acme", "read", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	// it ends soon enough by itself
	b.refused(b.as(token).ask("POST", "/session"), 401, "unauthorized")
	if s := a.as(token).session(); s.Kind != "token" || s.Scope != "read" || s.Tenant == nil ||
		*s.Tenant != "acme" {
		t.Errorf("session of a token: %+v", s)
	}
}

// Behind a proxy that asks for 127.0.0.1 the browser is still one that came through TLS, and the
// page still one of ours.
func TestASessionBehindAProxyThatHidesTheHost(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) {
		s.auth, s.publicURL = true, "https://meter.example.com"
	})
	key := a.newKey("admin", "")
	sign := func(method, credential, value, origin string) response {
		t.Helper()
		return a.raw(method, "/session", "", "Host: "+strings.TrimPrefix(a.url, "http://"),
			credential+": "+value, "Origin: "+origin)
	}
	r := sign("POST", "Authorization", "Bearer "+key, "https://meter.example.com")
	set := r.header.Get("Set-Cookie")
	if r.status != 200 || !strings.HasPrefix(set, "__Host-flagmeter=") ||
		!strings.Contains(set, "; Secure;") {
		t.Fatalf("%d %s, cookie %q", r.status, r.body, set)
	}
	cookie, _, _ := strings.Cut(set, ";")
	if r := sign("GET", "Cookie", cookie, "https://meter.example.com"); r.status != 200 {
		t.Errorf("with the cookie: %d %s", r.status, r.body)
	}
	// A cookie that could have come without TLS is none.
	if r := sign("GET", "Cookie", strings.TrimPrefix(cookie, "__Host-"),
		"https://meter.example.com"); r.status != 401 {
		t.Errorf("with the plain cookie: %d %s", r.status, r.body)
	}
	if r := sign("POST", "Authorization", "Bearer "+key, "https://evil.example"); r.status != 403 {
		t.Errorf("by another page: %d %s", r.status, r.body)
	}
}

func TestWithoutAGateThereIsNothingToSignInTo(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	if s := a.session(); s.Kind != "off" || s.Scope != "admin" || s.Tenant != nil ||
		s.ExpiresAt != nil {
		t.Errorf("session: %+v", s)
	}
	if r := a.ask("POST", "/session"); r.status != 200 || r.header.Get("Set-Cookie") != "" {
		t.Errorf("sign in: %d %s", r.status, r.body)
	}
}

func TestLiveTakesATokenAndEndsWithIt(t *testing.T) {
	a := newAPI(t, stacktest.New(t), quickly, func(s *setup) { s.auth = true })
	a.as(a.newKey("ingest", "")).counted(acme(5, ""))
	token, err := auth.Mint(a.tokens(), "acme", "read", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key := a.newKey("read", "acme")
	dial := func(credential, query string) (*websocket.Conn, *http.Response, error) {
		o := &websocket.DialOptions{Subprotocols: []string{auth.SubProtocol, auth.TokenProtocol +
			credential}}
		conn, res, err := websocket.Dial(t.Context(), a.url+"/live"+query, o)
		if err == nil {
			t.Cleanup(func() { _ = conn.CloseNow() })
		}
		return conn, res, err
	}
	if _, res, err := dial("a.b.c", ""); err == nil || res.StatusCode != 401 {
		t.Errorf("a wrong token: %v", err)
	}
	if _, res, err := dial(token, "?tenant=free"); err == nil || res.StatusCode != 404 {
		t.Errorf("another tenant: %v", err)
	}
	ended := make(chan error, 3)
	for _, c := range []struct{ credential, query string }{{token, "?tenant=acme"}, {token, ""},
		{key, ""}} {
		conn, _, err := dial(c.credential, c.query)
		if err != nil {
			t.Fatal(err)
		}
		if conn.Subprotocol() != auth.SubProtocol {
			t.Errorf("protocol %q", conn.Subprotocol())
		}
		f := follower{t, conn}
		if told := f.next("tenant", "snapshot"); told.Type == "tenant" && told.TotalTokens != 5 ||
			told.Type == "snapshot" && (len(told.Tenants) != 1 || told.Totals.TotalTokens != 5) {
			t.Errorf("%s: %+v", c.query, told)
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), waittest.Patience)
			defer cancel()
			for {
				if _, _, err := conn.Read(ctx); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	ends := func(n int) {
		t.Helper()
		for range n {
			var closed websocket.CloseError
			if err := <-ended; !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation {
				t.Errorf("it ended with %v", err)
			}
		}
	}
	if _, err := a.env.DB.Exec("UPDATE api_keys SET revoked_at = now()"); err != nil {
		t.Fatal(err)
	}
	if err := a.keys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends(1)
	a.clock.Advance(time.Hour + auth.Leeway)
	ends(2)
}
