package ingest

import (
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// TestEveryAnswerIsGuarded asks each route, and for what is no route.
func TestEveryAnswerIsGuarded(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	routes := a.server.table()
	routes = append(routes, route{method: "GET", path: "/nowhere"}, route{method: "DELETE", path: "/events"}, route{method: "OPTIONS", path: "/tenants"}, route{method: "POST", path: "/events"}, route{method: "GET", path: "/usage/nobody"})
	for _, route := range routes {
		path := strings.NewReplacer(":id", "x", ":tenant", "acme", ":version", "x", "*path", "x").Replace(route.path)
		r := a.ask(route.method, path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security": "", "Server": "", "X-Powered-By": "",
		} {
			if got := strings.Join(r.header.Values(name), " | "); got != want {
				t.Errorf("%s %s: %s is %q, want %q", route.method, path, name, got, want)
			}
		}
		if got := r.header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'none'") || strings.Contains(got, "unsafe") {
			t.Errorf("%s %s: Content-Security-Policy is %q", route.method, path, got)
		}
		page := route.path == "/usage" || strings.HasPrefix(route.path, "/assets/") && r.status == 200
		if got := r.header.Get("Cache-Control"); !page && got != "no-store" && got != "private, no-cache" {
			t.Errorf("%s %s: Cache-Control is %q", route.method, path, got)
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
