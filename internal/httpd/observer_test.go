package httpd

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
)

// observed is a server of one route, /thing, whose handler is next.
func observed(t testing.TB, log *slog.Logger, next http.HandlerFunc) (*httptest.Server,
	*prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	o := NewObserver(log, registry)
	mux := http.NewServeMux()
	mux.HandleFunc("/thing", func(w http.ResponseWriter, r *http.Request) {
		o.Route(r.Method, "/thing").Takes(w)
		next(w, r)
	})
	server := httptest.NewServer(o.Handler(mux))
	t.Cleanup(server.Close)
	return server, registry
}

var quiet = slog.New(slog.DiscardHandler)

// counts are the numbers of requests by "route method class".
func counts(t *testing.T, registry *prometheus.Registry) map[string]uint64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "flagmeter_http_request_seconds" {
				l := m.Label // by name: class, method, route
				got[l[2].GetValue()+" "+l[1].GetValue()+" "+l[0].GetValue()] = m.Histogram.GetSampleCount()
			}
		}
	}
	return got
}

func ask(t *testing.T, method, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp
}

func TestRequestsAreCountedByRouteMethodAndClass(t *testing.T) {
	server, registry := observed(t, quiet, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RawQuery {
		case "early": // 103 is no answer yet
			w.WriteHeader(http.StatusEarlyHints)
		case "bad":
			w.WriteHeader(http.StatusBadRequest)
		case "away":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	for _, request := range []string{"GET /thing", "HEAD /thing", "GET /thing?early",
		"POST /thing?bad", "POST /thing?away", "BREW /nowhere", "GET /other"} {
		method, path, _ := strings.Cut(request, " ")
		ask(t, method, server.URL+path)
	}
	want := "map[/thing GET 2xx:3 /thing POST 4xx:1 /thing POST 5xx:1 unmatched any 4xx:2]"
	if got := fmt.Sprint(counts(t, registry)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	metricstest.Lint(t, registry)
}

func TestLatencyHasTheAgreedEdgesAndANativeHistogram(t *testing.T) {
	server, registry := observed(t, quiet, func(http.ResponseWriter, *http.Request) {})
	ask(t, "GET", server.URL+"/thing")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	edges := map[float64]bool{}
	for _, f := range families {
		if f.GetName() != "flagmeter_http_request_seconds" {
			continue
		}
		h := f.Metric[0].Histogram
		for _, b := range h.Bucket {
			edges[b.GetUpperBound()] = true
		}
		if len(h.PositiveSpan) == 0 {
			t.Error("there is no native histogram")
		}
	}
	if !edges[0.005] || !edges[0.2] {
		t.Errorf("edges are %v, want 5 ms and 200 ms among them", edges)
	}
}

func TestRequestsInFlight(t *testing.T) {
	reached, goOn := make(chan struct{}), make(chan struct{})
	server, registry := observed(t, quiet, func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-goOn
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		resp, err := http.Get(server.URL + "/thing")
		if err == nil {
			resp.Body.Close()
		}
	}()
	want := func(n int) {
		t.Helper()
		text := fmt.Sprintf("# HELP flagmeter_http_requests_in_flight HTTP requests that are being "+
			"answered, without WebSockets.\n"+
			"# TYPE flagmeter_http_requests_in_flight gauge\nflagmeter_http_requests_in_flight %d\n", n)
		if err := testutil.GatherAndCompare(registry, strings.NewReader(text),
			"flagmeter_http_requests_in_flight"); err != nil {
			t.Error(err)
		}
	}
	<-reached
	want(1)
	close(goOn)
	<-ended
	server.Close() // waits for the handler's end
	want(0)
}

func TestAWebSocketIsNoRequestInFlight(t *testing.T) {
	reached, goOn := make(chan struct{}), make(chan struct{})
	server, registry := observed(t, quiet, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		close(reached)
		<-goOn
	})
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/thing", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	<-reached
	if n, err := testutil.GatherAndCount(registry, "flagmeter_http_request_seconds"); n != 0 ||
		err != nil {
		t.Errorf("%d series of requests, %v", n, err)
	}
	const none = "# HELP flagmeter_http_requests_in_flight HTTP requests that are being answered, " +
		"without WebSockets.\n" +
		"# TYPE flagmeter_http_requests_in_flight gauge\nflagmeter_http_requests_in_flight 0\n"
	for _, open := range []bool{true, false} {
		if err := testutil.GatherAndCompare(registry, strings.NewReader(none),
			"flagmeter_http_requests_in_flight"); err != nil {
			t.Error(err)
		}
		if open {
			close(goOn)
			conn.CloseNow()
			server.Close()
		}
	}
	if got := counts(t, registry); len(got) > 0 {
		t.Errorf("it is counted as a request: %v", got)
	}
}

func TestAnAnswerThatIsBrokenOffIsCounted(t *testing.T) {
	server, registry := observed(t, quiet, func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	})
	if resp, err := http.Get(server.URL + "/thing"); err == nil {
		resp.Body.Close()
		t.Error("it was answered")
	}
	server.Close()
	if got := counts(t, registry); got["/thing GET 2xx"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestWithoutARegistryNothingIsObserved(t *testing.T) {
	server := httptest.NewServer(Metrics(quiet, nil))
	defer server.Close()
	if resp := ask(t, "GET", server.URL+"/metrics"); resp.StatusCode != 404 {
		t.Errorf("GET /metrics: %s", resp.Status)
	}
	if resp := ask(t, "GET", server.URL+"/healthz"); resp.StatusCode != 200 ||
		resp.Header.Get(headerRequestID) != "" {
		t.Errorf("GET /healthz: %s with id %q", resp.Status, resp.Header.Get(headerRequestID))
	}
}

// BenchmarkObserver is what an observer costs a request: the difference of the two.
func BenchmarkObserver(b *testing.B) {
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	o := NewObserver(quiet, prometheus.NewRegistry())
	route := o.Route("POST", "/events")
	for name, handler := range map[string]http.Handler{
		"off": empty,
		"on": o.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route.Takes(w)
			empty(w, r)
		})),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r := httptest.NewRequest("POST", "/events", nil)
				w := &discard{header: http.Header{}}
				for pb.Next() {
					handler.ServeHTTP(w, r)
				}
			})
		})
	}
}

// discard is a ResponseWriter that forgets.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
