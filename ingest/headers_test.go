package ingest

import (
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestEveryAnswerIsGuarded asks each route, and for what is no route.
func TestEveryAnswerIsGuarded(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	routes := a.server.table()
	routes = append(routes, route{method: "GET", path: "/nowhere"},
		route{method: "DELETE", path: "/events"}, route{method: "OPTIONS", path: "/tenants"},
		route{method: "POST", path: "/events"}, route{method: "GET", path: "/usage/nobody"})
	for _, route := range routes {
		path := strings.NewReplacer(":id", "x", ":tenant", "acme", ":version", "x", "*path", "x").
			Replace(route.path)
		r := a.ask(route.method, path)
		want := map[string]string{"X-Content-Type-Options": "nosniff",
			"Strict-Transport-Security": "", "Server": "", "X-Powered-By": "", "Referrer-Policy": "",
			"Cross-Origin-Opener-Policy": "", "Cross-Origin-Resource-Policy": ""}
		policy := r.header.Get("Content-Security-Policy")
		page := route.path == "/usage" || strings.HasPrefix(route.path, "/assets/") && r.status == 200
		if page {
			want["Referrer-Policy"] = "no-referrer"
			want["Cross-Origin-Opener-Policy"] = "same-origin"
			want["Cross-Origin-Resource-Policy"] = "same-origin"
			if !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s %s: Content-Security-Policy is %q", route.method, path, policy)
			}
		} else {
			if strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
				t.Errorf("%s %s is a page without the headers of one", route.method, path)
			}
			if got := r.header.Get("Cache-Control"); got != "no-store" && got != "private, no-cache" {
				t.Errorf("%s %s: Cache-Control is %q", route.method, path, got)
			}
		}
		for name, want := range want {
			if got := strings.Join(r.header.Values(name), " | "); got != want {
				t.Errorf("%s %s: %s is %q, want %q", route.method, path, name, got, want)
			}
		}
	}
}

func TestHSTSIsSentWhereASettingSaysSo(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.hsts = 365 * 24 * time.Hour })
	for _, path := range []string{"/usage", "/tenants", "/nowhere"} {
		if got := a.ask("GET", path).header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("GET %s: Strict-Transport-Security is %q", path, got)
		}
	}
}
