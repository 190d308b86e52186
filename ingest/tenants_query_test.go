package ingest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestQueriesThatCannotBeUnderstood(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	for path, field := range map[string]string{
		"/tenants?sort=tokens":                             "sort",
		"/tenants?sort=":                                   "sort",
		"/tenants?sort=--name":                             "sort",
		"/tenants?limit=0":                                 "limit",
		"/tenants?limit=10001":                             "limit",
		"/tenants?limit=ten":                               "limit",
		"/tenants?limit=1&limit=2":                         "limit",
		"/tenants?cursor=x":                                "cursor",
		"/tenants?cursor=e30":                              "cursor",
		"/tenants?archived=yes":                            "archived",
		"/tenants?search=x":                                "search",
		"/tenants?Sort=name":                               "Sort",
		"/tenants?q=" + strings.Repeat("x", 129):           "q",
		"/tenants?q=%ff":                                   "q",
		"/tenants?q=%zz":                                   "",
		"/tenants.csv?limit=5":                             "limit",
		"/usage/acme?feature=chat":                         "feature",
		"/usage/acme/series?step=week":                     "step",
		"/usage/acme/series?from=yesterday":                "from",
		"/usage/acme/series?to=2026-02-30":                 "to",
		"/usage/acme/series?from=2026-08-02":               "to",
		"/usage/acme/series?from=2026-08-01&to=2026-08-01": "to",
		"/usage/acme/series?step=minute&from=2026-07-20":   "step",
		"/usage/acme/series?step=hour&from=2020-01-01":     "step",
		"/usage/acme/series?from=0001-01-01":               "step",
		"/usage/acme/series?split=tenant":                  "split",
		"/usage/acme/series.csv?x=1":                       "x",
		"/usage/acme/events.csv?from=2026-06-01":           "to",
		"/usage/acme/events.csv?feature=x":                 "feature",
	} {
		p := a.refused(a.get(path), 400, "invalid-query")
		if len(p.Errors) != 1 || p.Errors[0].Field != field || p.Errors[0].Detail == "" {
			t.Errorf("%s: %+v, want one error about %q", path, p.Errors, field)
		}
	}
	// A cursor belongs to its order.
	a.refused(a.get("/tenants?sort=name&cursor="+*a.list("?limit=1").Next), 400, "invalid-query")
	for _, path := range []string{"/usage/nobody/series", "/usage/nobody/series.csv",
		"/usage/nobody/events.csv"} {
		a.refused(a.get(path), 404, "unknown-tenant")
	}
}

func TestTheSameFiguresAreNotSentAgain(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(5, ""))
	for _, path := range []string{"/tenants", "/usage/acme",
		"/usage/acme/series?split=feature&to=2026-08-02"} {
		again := func(tag string) response {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), "GET", a.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("If-None-Match", tag)
			r, err := a.send(req)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		tag := a.get(path).header.Get("ETag")
		a.clock.Advance(time.Second) // asOf is another
		for _, known := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
			if r := again(known); r.status != 304 || r.body != "" || r.header.Get("ETag") != tag {
				t.Errorf("%s, If-None-Match %s: %d %.100s", path, known, r.status, r.body)
			}
		}
		a.counted(acme(1, ""))
		if r := again(tag); r.status != 200 || r.header.Get("ETag") == tag {
			t.Errorf("%s after an event: %d with ETag %s, before %s", path, r.status, r.header.Get("ETag"),
				tag)
		}
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	for _, path := range []string{"/tenants", "/usage/acme", "/usage/acme/series", "/openapi.yaml",
		"/healthz"} {
		r, err := a.do("HEAD", path, "", nil)
		if err != nil || r.status != 200 || r.body != "" ||
			r.header.Get("ETag") != a.get(path).header.Get("ETag") {
			t.Errorf("HEAD %s: %d %q, %v", path, r.status, r.body, err)
		}
	}
}
