package ingest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func TestWhatIsNotARouteIsAProblem(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	for _, c := range []struct {
		method, path string
		status       int
		kind, allow  string
	}{
		{"GET", "/events", 405, "method-not-allowed", "POST"},
		{"PUT", "/events", 405, "method-not-allowed", "POST"},
		{"DELETE", "/usage/acme", 405, "method-not-allowed", "GET"},
		{"POST", "/tenants", 405, "method-not-allowed", "GET"},
		{"BREW", "/healthz", 405, "method-not-allowed", "GET"},
		{"GET", "/nowhere", 404, "not-found", ""},
		{"POST", "/event", 404, "not-found", ""},
		{"POST", "/events//", 404, "not-found", ""},
		{"GET", "/events/", 405, "method-not-allowed", "POST"},
		{"GET", "/usage/", 404, "not-found", ""},
		{"GET", "/usage/acme/x", 404, "not-found", ""},
		{"GET", "/Tenants", 404, "not-found", ""},
		{"GET", "/" + strings.Repeat("x", 5_000), 404, "not-found", ""},
	} {
		r, err := a.do(c.method, c.path, jsonType, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.refused(r, c.status, c.kind)
		if got := r.header.Get("Allow"); !strings.Contains(got, c.allow) || c.allow == "" && got != "" {
			t.Errorf("%s %.40s: Allow %q, want %q", c.method, c.path, got, c.allow)
		}
		if len(r.body) > 500 {
			t.Errorf("%s %.40s: a body of %d bytes", c.method, c.path, len(r.body))
		}
	}
}

// A slash behind a route of the API is no other route.
func TestASlashBehindARoute(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) {
		s.origins = []string{"https://app.example.com"}
	})
	if r, err := a.do("POST", "/events/", jsonType, strings.NewReader(acme(5, ""))); err != nil ||
		r.status != 200 {
		t.Errorf("POST /events/: %d %s %v", r.status, r.body, err)
	}
	for _, path := range []string{"/tenants/", "/usage/acme/", "/usage/acme/series/?step=day",
		"/usage/acme/events.csv/", "/alerts/", "/healthz/"} {
		if r := a.get(path); r.status != 200 {
			t.Errorf("GET %s: %d %s", path, r.status, r.body)
		}
	}
	a.addTenants("a/")
	if r := a.get("/usage/a%2F/"); r.status != 200 || !strings.Contains(r.body, `"tenant":"a/"`) {
		t.Errorf("a tenant with a slash in its name: %d %s", r.status, r.body)
	}
	if r := a.get("/usage/"); !strings.Contains(r.body, "did you mean") {
		t.Errorf("GET /usage/: %s", r.body)
	}
}

func TestHealthMetricsAndPages(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(1, ""))
	for _, c := range []struct {
		path   string
		status int
		kind   string
		body   string
	}{
		{"/healthz", 200, "application/json", `{"status":"ok"}`},
		{"/readyz", 200, "application/json", `"status":"ready"`},
		{"/readyz", 200, "application/json", `"valkey":"ok"`},
		{"/readyz", 200, "application/json", `"postgres":"ok"`},
		{"/metrics", 200, "text/plain", "flagmeter_ingest_events_total 1"},
		{"/metrics", 200, "text/plain",
			`flagmeter_http_request_seconds_count{class="2xx",method="POST",route="/events"} 1`},
		{"/usage", 200, "text/html", "<html"},
	} {
		r := a.get(c.path)
		if r.status != c.status || !strings.HasPrefix(r.header.Get("Content-Type"), c.kind) ||
			!strings.Contains(r.body, c.body) {
			t.Errorf("%s: %d %s %.300s, want %d %s with %s", c.path, r.status, r.header.Get("Content-Type"),
				r.body, c.status, c.kind, c.body)
		}
	}
	if r := a.get("/"); r.status != 302 || r.header.Get("Location") != "/usage" {
		t.Errorf("/: %d to %q, want /usage", r.status, r.header.Get("Location"))
	}
}

func TestRequestsInHandAreAnsweredAtTheEnd(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	event := acme(7, "")
	fmt.Fprintf(conn, "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(event))
	if r := readResponse(t, conn); r.status != 100 { // the handler is reading now
		t.Fatalf("status %d, want 100", r.status)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.stop()
	}()
	waittest.Until(t, "the server shuts down", a.server.draining.Load)
	fmt.Fprint(conn, event)
	if got := a.read(readResponse(t, conn)); got.Accepted != 1 {
		t.Errorf("got %+v", got)
	}
	<-ended
	if u, err := a.live.Tenant(t.Context(), "acme"); err != nil || u.Used[meter.Tokens] != 7 {
		t.Errorf("%d tokens, %v; want 7", u.Used[meter.Tokens], err)
	}
}

func TestAServerThatShutsDownIsNotReady(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a.stop()
	// Its listener is closed; a load balancer's open connection would still get this.
	r := serve(ctx, a.server.Handler(), "GET", "/readyz")
	a.refused(r, 503, "unavailable")
	if r := serve(ctx, a.server.Handler(), "GET", "/healthz"); r.status != 200 {
		t.Errorf("/healthz: %d", r.status)
	}
}
