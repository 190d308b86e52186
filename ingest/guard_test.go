package ingest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// tokens are those that an api takes.
func (a *api) tokens() auth.TokenOptions {
	return auth.TokenOptions{Secret: []byte(strings.Repeat("s", auth.MinSecret)), Issuer: "flagmeter", Audience: "flagmeter", Now: a.clock.now}
}

// guarded runs a server whose callers need a key.
func guarded(t testing.TB) *api {
	t.Helper()
	return newAPI(t, stacktest.New(t), func(s *setup) { s.auth = true })
}

// newKey makes a key that is in force at once.
func (a *api) newKey(scope, tenant string) string {
	a.Helper()
	key, _, err := auth.Create(a.Context(), a.env.DB, auth.NewKey{Scope: scope, Tenant: tenant}, a.clock.now())
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
	return strings.NewReplacer(":tenant", "acme", ":id", "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e", ":version", "x", "*path", "x").Replace(r.path)
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
	_, registered := a.server.routes()
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
				t.Errorf("%s %s with the key %q: %d %s, want %d", r.method, r.path, name, res.status, res.body, want)
			}
			if (res.status == 401) != (res.header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("%s %s with the key %q: %d with WWW-Authenticate %q", r.method, r.path, name, res.status, res.header.Get("WWW-Authenticate"))
			}
		}
	}
}

// checkSecurity holds what a route needs against openapi.yaml.
func checkSecurity(t *testing.T, described description, r route) {
	t.Helper()
	op := described.Paths.Value(pathOf(r)).GetOperation(r.method)
	scope := map[auth.Need]string{auth.ToIngest: "ingest", auth.ToRead: "read", auth.ToReadAll: "read", auth.ToAdmin: "admin", auth.ToAdminAll: "admin"}[r.need]
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
	expired, _, err := auth.Create(t.Context(), a.env.DB, auth.NewKey{Scope: "read", Expires: a.clock.now().Add(time.Minute)}, a.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	revoked := a.newKey("read", "")
	if _, err := a.env.DB.Exec("UPDATE api_keys SET revoked_at = now() WHERE tenant IS NULL AND expires_at IS NULL"); err != nil {
		t.Fatal(err)
	}
	if err := a.keys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.clock.advance(time.Minute)
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
	late.Now = func() time.Time { return a.clock.now().Add(-time.Hour) }
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
	for _, path := range []string{"/usage/acme", "/usage/nobody", "/tenants", "/keys", "/session", "/metrics", "/live"} {
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

// To a credential that is bound to a tenant, no other tenant exists.
func TestAnotherTenantDoesNotExist(t *testing.T) {
	a := guarded(t)
	everybody := a.as(a.newKey("admin", ""))
	everybody.addQuota("other", 1000, 900)
	everybody.counted(acme(5, ""))
	token, err := auth.Mint(a.tokens(), "acme", "read ingest", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"key": a.newKey("admin", "acme"), "token": token} {
		own := a.as(key)
		for _, path := range []string{"/usage/%s", "/usage/%s/series", "/usage/%s/series.csv", "/usage/%s/events.csv", "/alerts?tenant=%s"} {
			if r := own.get(fmt.Sprintf(path, "acme")); r.status != 200 {
				t.Errorf("%s: %s of its own tenant: %d %s", name, path, r.status, r.body)
			}
			exists, unknown := own.get(fmt.Sprintf(path, "other")), own.get(fmt.Sprintf(path, "where"))
			own.refused(exists, 404, "unknown-tenant")
			if strings.ReplaceAll(exists.text(), "other", "where") != unknown.text() {
				t.Errorf("%s: %s tells them apart: %s and %s", name, path, exists.body, unknown.body)
			}
		}
		for _, body := range []string{`{"tenant":"%s","feature":"x","tokens":1}`, `[` + acme(1, "") + `,{"tenant":"%s","feature":"x","tokens":1}]`} {
			before := a.state()
			exists, unknown := own.post(jsonType, fmt.Sprintf(body, "other")), own.post(jsonType, fmt.Sprintf(body, "where"))
			own.refused(exists, 404, "unknown-tenant")
			if strings.ReplaceAll(exists.text(), "other", "where") != unknown.text() {
				t.Errorf("%s: POST /events tells them apart: %s and %s", name, exists.body, unknown.body)
			}
			a.unchanged(before)
		}
		own.counted(acme(1, ""))

		var list struct {
			Tenants []struct{ Tenant string }
			Totals  struct {
				Tenants, OverQuota, NearQuota int
				TotalTokens                   int64
				EventsPerSecond               *float64
			}
			Matching int
		}
		r := own.get("/tenants?archived=true&sort=name")
		if err := json.Unmarshal([]byte(r.body), &list); err != nil || r.status != 200 {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
		if len(list.Tenants) != 1 || list.Tenants[0].Tenant != "acme" || list.Matching != 1 || list.Totals.Tenants != 1 ||
			list.Totals.NearQuota != 0 || list.Totals.EventsPerSecond != nil || list.Totals.TotalTokens >= 900 {
			t.Errorf("%s: GET /tenants: %s", name, r.body)
		}
		if r := own.get("/tenants?q=other"); !strings.Contains(r.body, `"tenants":[]`) || !strings.Contains(r.body, `"matching":0`) {
			t.Errorf("%s: a search for another: %s", name, r.body)
		}
		if r := own.get("/tenants.csv"); strings.Count(r.body, "\r\n") != 2 || strings.Contains(r.body, "other") {
			t.Errorf("%s: GET /tenants.csv: %s", name, r.body)
		}
		if r := own.get("/alerts"); r.status != 200 {
			t.Errorf("%s: GET /alerts: %d", name, r.status)
		}
	}
}

func TestAlertsOfAnotherTenantAreNotTold(t *testing.T) {
	a := guarded(t)
	a.addTenants("other")
	if _, err := a.env.DB.Exec(`INSERT INTO alerts (tenant, threshold, used, quota, period_start, period_end)
		SELECT tenant, 80, 90, 100, date '2026-08-01', date '2026-09-01' FROM unnest('{acme,other}'::text[]) AS tenant`); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{a.newKey("read", "acme"): 1, a.newKey("read", ""): 2} {
		r := a.as(key).get("/alerts")
		if got := strings.Count(r.body, `"tenant":`); r.status != 200 || got != want {
			t.Errorf("%d alerts, want %d: %s", got, want, r.body)
		}
	}
}

func TestATenantMakesNoOther(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth, s.autoCreate = true, true })
	const event = `{"tenant":"new","feature":"x","tokens":1}`
	own := a.as(a.newKey("ingest", "acme"))
	own.refused(own.post(jsonType, event), 404, "unknown-tenant")
	if _, ok := a.dir.Get("new"); ok {
		t.Error("a key of one tenant has made another")
	}
	a.as(a.newKey("ingest", "")).counted(event)
}

func TestNothingIsAnsweredBeforeTheKeysAreKnown(t *testing.T) {
	a := guarded(t)
	gate := auth.NewGate(auth.NewDirectory(a.env.AppDB, a.valkey, a.server.log, a.clock.now), nil, "")
	handler := New(Options{DB: a.env.AppDB, Valkey: a.valkey, Tenants: a.dir, Live: a.live, Dedupe: time.Hour,
		Now: a.clock.now, Log: a.server.log, Gate: gate}).Handler()
	for path, status := range map[string]int{"/usage/acme": 503, "/keys": 503, "/readyz": 503, "/healthz": 200, "/usage": 200} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
}

func TestWithoutAGateEverybodyMayDoEverything(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	_, registered := a.server.routes()
	for _, r := range registered {
		if res, err := a.do(r.method, example(r), "", nil); err != nil || res.status == 401 || res.status == 403 {
			t.Errorf("%s %s: %d %s, %v", r.method, r.path, res.status, res.body, err)
		}
	}
}

// A name may need an escape, in a path and in a comparison.
func TestAKeyOfATenantWithAnOddName(t *testing.T) {
	a := guarded(t)
	for _, name := range []string{"a/b", "100%", "Acme", "acmé"} {
		a.addTenants(name)
		own := a.as(a.newKey("read", name))
		if got := own.total(name); got != 0 {
			t.Errorf("%q: %d", name, got)
		}
		for _, other := range []string{"acme", "a", "ACME"} {
			own.refused(own.get("/usage/"+url.PathEscape(other)), 404, "unknown-tenant")
		}
	}
}
