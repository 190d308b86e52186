package ingest

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

const friend = "https://app.example.com"

// ask sends a request with headers, name after value.
func (a *api) ask(method, path string, headers ...string) response {
	a.Helper()
	req, err := http.NewRequestWithContext(a.Context(), method, a.url+path, nil)
	if err != nil {
		a.Fatal(err)
	}
	if a.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	r, err := a.send(req)
	if err != nil {
		a.Fatal(err)
	}
	return r
}

// granted are the headers that allow something to another origin.
func granted(r response) string {
	var all []string
	for _, name := range []string{"Origin", "Methods", "Headers", "Credentials"} {
		if values, ok := r.header["Access-Control-Allow-"+name]; ok {
			all = append(all, name+"="+strings.Join(values, "|"))
		}
	}
	return strings.Join(all, " ")
}

func TestCORSIsOffUnlessAnOriginIsNamed(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	for _, path := range []string{"/tenants", "/usage/acme", "/usage", "/healthz", "/nowhere"} {
		if r := a.ask("GET", path, "Origin", friend); granted(r) != "" {
			t.Errorf("GET %s allows %s", path, granted(r))
		}
	}
	r := a.ask("OPTIONS", "/events", "Origin", friend, "Access-Control-Request-Method", "POST")
	a.refused(r, 405, "method-not-allowed")
	if granted(r) != "" {
		t.Errorf("a preflight allows %s", granted(r))
	}
}

func TestCORSAllowsNamedOriginsWithoutCredentials(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) {
		s.origins = []string{"https://other.example.com", friend}
	})
	preflight := func(origin, method, headers string) response {
		return a.ask("OPTIONS", "/events", "Origin", origin, "Access-Control-Request-Method", method,
			"Access-Control-Request-Headers", headers)
	}
	r := preflight(friend, "POST", "authorization,content-type")
	if want := "Origin=" + friend +
		" Methods=POST Headers=authorization,content-type"; r.status != 204 || granted(r) != want {
		t.Errorf("a preflight is answered %d and allows %s, want %s", r.status, granted(r), want)
	}
	for _, r := range []response{preflight(friend, "TRACE", "authorization"),
		preflight(friend, "POST", "cookie"), preflight(friend, "POST", "x-other")} {
		if granted(r) != "" {
			t.Errorf("a preflight for what nobody needs allows %s", granted(r))
		}
	}
	for _, origin := range []string{"null", "*", "https://app.example.com:8443",
		"http://app.example.com", "https://APP.example.com",
		"https://app.example.com.evil.net", "https://evil.net", "https://app.example.com/"} {
		if r := preflight(origin, "POST", "authorization"); granted(r) != "" {
			t.Errorf("a preflight of %s allows %s", origin, granted(r))
		}
		if r := a.ask("GET", "/tenants", "Origin", origin); r.status != 200 || granted(r) != "" {
			t.Errorf("GET of %s is answered %d and allows %s", origin, r.status, granted(r))
		}
	}
	for path, status := range map[string]int{"/tenants": 200, "/usage/nobody": 404, "/usage": 200} {
		r := a.ask("GET", path, "Origin", friend)
		if want := "Origin=" + friend; r.status != status || granted(r) != want {
			t.Errorf("GET %s is answered %d and allows %s, want %s", path, r.status, granted(r), want)
		}
		if !strings.Contains(strings.Join(r.header["Vary"], ","), "Origin") {
			t.Errorf("GET %s: Vary is %q: a cache would hand the answer to other origins", path,
				r.header["Vary"])
		}
	}
}

// TestAForeignPageHasNoUseForACookie lets a page that may use the API send the cookie of an
// operator, as a browser does when both are of one site.
func TestAForeignPageHasNoUseForACookie(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.origins, s.auth = []string{friend}, true })
	r := a.as(a.newKey("admin", "")).ask("POST", "/session")
	cookie, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	if r.status != 200 || cookie == "" {
		t.Fatalf("sign in: %d %s", r.status, r.body)
	}
	a = a.as("")
	for origin, status := range map[string]int{"": 200, a.url: 200, friend: 401} {
		headers := []string{"Cookie", cookie}
		if origin != "" {
			headers = append(headers, "Origin", origin)
		}
		if r := a.ask("GET", "/tenants", headers...); r.status != status {
			t.Errorf("a page of %q is answered %d, want %d", origin, r.status, status)
		}
	}
}

func TestLiveIsForPagesOfNamedOriginsOnly(t *testing.T) {
	open := func(a *api, origin string) int {
		t.Helper()
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, resp, err := websocket.Dial(context.Background(), a.url+"/live",
			&websocket.DialOptions{HTTPHeader: header})
		if err == nil {
			conn.CloseNow()
		}
		return resp.StatusCode
	}
	closed := newAPI(t, stacktest.New(t))
	lent := newAPI(t, stacktest.New(t), func(s *setup) {
		s.origins = []string{friend, "http://[::1]:8080"}
	})
	for _, c := range []struct {
		origin       string
		closed, lent int
	}{
		{"", 101, 101},
		{"null", 403, 403},
		{friend, 403, 101},
		{"http://[::1]:8080", 403, 101},
		{"https://app.example.com.evil.net", 403, 403},
		{"https://evil.net", 403, 403},
	} {
		if got := open(closed, c.origin); got != c.closed {
			t.Errorf("without CORS_ORIGINS, a page of %q is answered %d, want %d", c.origin, got, c.closed)
		}
		if got := open(lent, c.origin); got != c.lent {
			t.Errorf("with CORS_ORIGINS, a page of %q is answered %d, want %d", c.origin, got, c.lent)
		}
	}
	for _, a := range []*api{closed, lent} {
		if got := open(a, a.url); got != 101 {
			t.Errorf("its own page is answered %d", got)
		}
	}
}
