package ingest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// tokens are those that an api takes.
func (a *api) tokens() auth.TokenOptions {
	return auth.TokenOptions{Secret: []byte(strings.Repeat("s", config.MinJWTSecret)),
		Issuer: "flagmeter", Audience: "flagmeter", Now: a.clock.Now}
}

// guarded runs a server whose callers need a key.
func guarded(t testing.TB) *api {
	t.Helper()
	return newAPI(t, stacktest.New(t), func(s *setup) { s.auth = true })
}

// newKey makes a key that is in force at once.
func (a *api) newKey(scope, tenant string) string {
	a.Helper()
	key, _, err := auth.Create(a.Context(), a.env.DB, auth.NewKey{Scope: scope, Tenant: tenant},
		a.clock.Now())
	if err != nil {
		a.Fatal(err)
	}
	if err := a.keys.Start(a.Context()); err != nil {
		a.Fatal(err)
	}
	return key
}

// as is the api as somebody with a key sees it.
func (a *api) as(key string) *api {
	b := *a
	b.key = key
	return &b
}

// example is a path of a route that exists.
func example(r route) string {
	return strings.NewReplacer(":tenant", "acme", ":id", "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e",
		":version", "x", "*path", "x").Replace(r.path)
}

// The table of routes says what each needs; this asks each one, with every kind of key.
func TestEveryRouteAsksForWhatItDeclares(t *testing.T) {
	a := guarded(t)
	keys := map[string]string{"": "", "unknown": "fm_read_" + strings.Repeat("0", 49)}
	may := map[string]*auth.Principal{"": {}, "unknown": {}}
	for _, scope := range auth.Scopes {
		for _, tenant := range []string{"", "acme"} {
			name := strings.TrimSuffix(scope+" "+tenant, " ")
			keys[name] = a.newKey(scope, tenant)
			s, err := auth.ParseScope(scope)
			if err != nil {
				t.Fatal(err)
			}
			may[name] = &auth.Principal{Scope: s, Tenant: tenant}
		}
	}
	described := readDescription(t)
	registered := a.server.table()
	for _, r := range registered {
		if r.need == auth.Nobody {
			t.Errorf("%s %s does not say what it needs", r.method, r.path)
			continue
		}
		if r.method != "HEAD" {
			checkSecurity(t, described, r)
		}
		for name, key := range keys {
			res, err := a.as(key).do(r.method, example(r), "", nil)
			if err != nil {
				t.Fatal(err)
			}
			want := 0 // anything but a refusal
			if signIn := r.method == "POST" && r.path == "/session"; signIn {
				// It takes the key itself, whatever it declares.
				want = map[bool]int{true: 0, false: 401}[may[name].Scope != 0]
				if may[name].Scope == auth.Ingest {
					want = 403
				}
			} else if r.need != auth.Public {
				switch {
				case may[name].Scope == 0:
					want = 401
				case !may[name].May(r.need):
					want = 403
				}
			}
			refused := res.status
			if refused != 401 && refused != 403 {
				refused = 0
			}
			if refused != want {
				t.Errorf("%s %s with the key %q: %d %s, want %d", r.method, r.path, name, res.status, res.body,
					want)
			}
			if (res.status == 401) != (res.header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("%s %s with the key %q: %d with WWW-Authenticate %q", r.method, r.path, name,
					res.status, res.header.Get("WWW-Authenticate"))
			}
		}
	}
}

// checkSecurity holds what a route needs against openapi.yaml.
func checkSecurity(t *testing.T, described description, r route) {
	t.Helper()
	op := described.Paths.Value(pathOf(r)).GetOperation(r.method)
	scope := map[auth.Need]string{auth.ToIngest: "ingest", auth.ToRead: "read", auth.ToReadAll: "read",
		auth.ToAdmin: "admin", auth.ToAdminAll: "admin"}[r.need]
	var got []string
	for _, requirement := range *op.Security {
		for scheme, scopes := range requirement {
			got = append(got, scheme+" "+strings.Join(scopes, " "))
		}
	}
	want := []string{"credential " + scope, "session " + scope}
	if r.need == auth.Public {
		want = nil
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s %s: openapi.yaml asks for %q, the route for %q", r.method, r.path, got, want)
	}
}

// Whoever is refused learns nothing from how.
func TestEveryRefusalIsTheSame(t *testing.T) {
	a := guarded(t)
	good := a.newKey("read", "acme")
	expired, _, err := auth.Create(t.Context(), a.env.DB,
		auth.NewKey{Scope: "read", Expires: a.clock.Now().Add(time.Minute)}, a.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	revoked := a.newKey("read", "")
	if _, err := a.env.DB.Exec("UPDATE api_keys SET revoked_at = now() WHERE tenant IS NULL AND " +
		"expires_at IS NULL"); err != nil {
		t.Fatal(err)
	}
	if err := a.keys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.clock.Advance(time.Minute)
	token := func(o auth.TokenOptions) string {
		text, err := auth.Mint(o, "acme", "read", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	other := a.tokens()
	other.Secret = []byte(strings.Repeat("x", 32))
	late := a.tokens()
	late.Now = func() time.Time { return a.clock.Now().Add(-time.Hour) }
	headers := map[string]http.Header{
		"nothing":         {},
		"expired":         {"Authorization": {"Bearer " + expired}},
		"revoked":         {"Authorization": {"Bearer " + revoked}},
		"a typing error":  {"Authorization": {"Bearer " + good[:len(good)-1] + "!"}},
		"unknown":         {"Authorization": {"Bearer fm_admin_" + strings.Repeat("0", 49)}},
		"basic":           {"Authorization": {"Basic dXNlcjpwYXNz"}},
		"forged token":    {"Authorization": {"Bearer " + token(other)}},
		"expired token":   {"Authorization": {"Bearer " + token(late)}},
		"no token":        {"Authorization": {"Bearer eyJhbGciOiJub25lIn0.e30."}},
		"a broken cookie": {"Cookie": {"flagmeter=x"}},
		"a long one":      {"Authorization": {"Bearer " + strings.Repeat("x", 7<<10)}},
	}
	for _, path := range []string{"/usage/acme", "/usage/nobody", "/tenants", "/keys", "/session",
		"/metrics", "/live"} {
		var first string
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", a.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = headers[name].Clone()
			res, err := a.send(req)
			if err != nil {
				t.Fatal(err)
			}
			a.refused(res, 401, "unauthorized")
			res.header.Del("Date")
			res.header.Del("X-Request-Id")
			answer := fmt.Sprint(res.header, res.text())
			if first == "" {
				first = answer
			}
			if answer != first {
				t.Errorf("%s with %s:\n%s\nbut\n%s", path, name, answer, first)
			}
		}
	}
	if res := a.as(good).get("/usage/acme"); res.status != 200 {
		t.Errorf("the good key: %d %s", res.status, res.body)
	}
}

func TestNothingIsAnsweredBeforeTheKeysAreKnown(t *testing.T) {
	a := guarded(t)
	gate := auth.NewGate(auth.NewDirectory(a.env.AppDB, a.valkey, a.backend.Log, a.clock.Now), nil, "")
	handler := New(Options{Backend: a.backend, Limits: commit.Settings{Dedupe: time.Hour},
		Callers: account.Settings{Gate: gate}}).Handler()
	for path, status := range map[string]int{"/usage/acme": 503, "/keys": 503, "/readyz": 503,
		"/healthz": 200, "/usage": 200} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
}

func TestWithoutAGateEverybodyMayDoEverything(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	registered := a.server.table()
	for _, r := range registered {
		if res, err := a.do(r.method, example(r), "", nil); err != nil || res.status == 401 ||
			res.status == 403 {
			t.Errorf("%s %s: %d %s, %v", r.method, r.path, res.status, res.body, err)
		}
	}
}
