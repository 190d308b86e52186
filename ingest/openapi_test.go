package ingest

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestEveryRouteIsDescribedAndEveryDescriptionIsARoute(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	registered := a.server.table()
	described := readDescription(t)
	routes := map[string]bool{}
	for _, r := range registered {
		if r.method == "HEAD" { // what GET does, without the body
			continue
		}
		path := pathOf(r)
		routes[r.method+" "+path] = true
		if item := described.Paths.Value(path); item == nil || item.GetOperation(r.method) == nil {
			t.Errorf("%s %s is not in openapi.yaml", r.method, path)
		}
	}
	for path, item := range described.Paths.Map() {
		for method := range item.Operations() {
			if !routes[method+" "+path] {
				t.Errorf("%s %s is in openapi.yaml only", method, path)
			}
		}
	}
}

func TestRequestsAndAnswersFitTheirDescription(t *testing.T) {
	for _, kind := range []string{"text/html", "text/css", "text/javascript", "image/svg+xml",
		"application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.PlainBodyDecoder)
		t.Cleanup(func() { openapi3filter.UnregisterBodyDecoder(kind) })
	}
	described := readDescription(t)
	a := newAPI(t, stacktest.New(t))
	a.addQuota("over & out", 100, 250)
	a.set("over & out", "enforce = 'strict'")
	over := "/usage/" + url.PathEscape("over & out")
	event := acme(5, `,"id":"e","timestamp":"2026-08-01T11:00:00Z"`)
	icon := regexp.MustCompile(`/assets/\w+/icon\.svg`).FindString(string(a.get("/usage").body))
	_, made := a.createKey(`{"scope":"read"}`)
	asked := map[string]bool{}
	for _, c := range []struct {
		method, target, kind, body string
		status                     int
	}{
		{"POST", "/events", jsonType, event, 200},
		{"POST", "/events", jsonType, "[" + event + "," + acme(7, "") + "]", 200},
		{"POST", "/events", ndjsonType, event + "\n" + acme(1, ""), 200},
		{"POST", "/events", jsonType, acme(-1, ""), 400},
		{"POST", "/events", jsonType, acme(1, `,"colour":"red"`), 400},
		{"POST", "/events", jsonType, acme(6, `,"id":"e"`), 409},
		{"POST", "/events", "text/csv", "a,b", 415},
		{"POST", "/events", jsonType, `{"tenant":"nobody","feature":"x","tokens":1}`, 404},
		{"POST", "/events", jsonType, `{"tenant":"over & out","feature":"x","tokens":1}`, 402},
		{"GET", "/alerts", "", "", 200},
		{"GET", "/alerts?state=colour", "", "", 400},
		{"GET", "/tenants", "", "", 200},
		{"GET", "/tenants?sort=exhausted&limit=1&q=a&archived=true", "", "", 200},
		{"GET", "/tenants?sort=colour", "", "", 400},
		{"GET", "/tenants?limit=0", "", "", 400},
		{"PATCH", "/tenants/free", jsonType, `{"displayName":"libre"}`, 200},
		{"PATCH", "/tenants/free", jsonType, `{"displayName":"acme"}`, 409},
		{"PATCH", "/tenants/free", jsonType, `{"displayName":""}`, 400},
		{"PATCH", "/tenants/nobody", jsonType, `{"displayName":"x"}`, 404},
		{"POST", "/prices", jsonType, `{"prices":[{"model":"m","pool":"input","price":"3"}]}`, 201},
		{"POST", "/prices", jsonType, `{"prices":[{"model":"m","pool":"input","price":"30"}]}`, 409},
		{"GET", "/prices?model=m&all=true", "", "", 200},
		{"GET", "/prices?limit=0", "", "", 400},
		{"GET", "/tenants.csv?sort=-name", "", "", 200},
		{"GET", "/tenants.csv?sort=colour", "", "", 400},
		{"GET", "/usage/acme", "", "", 200},
		{"GET", "/usage/free", "", "", 200},
		{"GET", "/usage/gone", "", "", 200},
		{"GET", over, "", "", 200},
		{"GET", "/usage/nobody", "", "", 404},
		{"GET", "/usage/acme/series", "", "", 200},
		{"GET",
			"/usage/acme/series?step=hour&split=feature&feature=chat&from=2026-07-31&to=2026-08-01T12:00:00Z", "", "", 200},
		{"GET", over + "/series?step=minute&from=2026-08-01T11:00:00Z", "", "", 200},
		{"GET", "/usage/acme/series?step=year", "", "", 400},
		{"GET", "/usage/nobody/series", "", "", 404},
		{"GET", "/usage/acme/series.csv?step=hour&split=feature", "", "", 200},
		{"GET", "/usage/acme/series.csv?step=year", "", "", 400},
		{"GET", "/usage/nobody/series.csv", "", "", 404},
		{"GET", "/usage/acme/events.csv", "", "", 200},
		{"GET", "/usage/nobody/events.csv", "", "", 404},
		{"GET", "/live", "", "", 426},
		{"POST", "/keys", jsonType,
			`{"scope":"read","tenant":"acme","name":"n","expiresAt":"2026-09-01T00:00:00Z"}`, 201},
		{"POST", "/keys", jsonType, `{"scope":"all"}`, 400},
		{"POST", "/keys", jsonType, `{"scope":"read","tenant":"nobody"}`, 404},
		{"GET", "/keys", "", "", 200},
		{"DELETE", "/keys/0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e", "", "", 404},
		{"DELETE", "/keys/" + made.ID.String() + "?made=true", "", "", 200},
		{"DELETE", "/keys/" + made.ID.String() + "?made=perhaps", "", "", 400},
		{"GET", "/session", "", "", 200},
		{"POST", "/session", "", "", 200},
		{"DELETE", "/session", "", "", 204},
		{"GET", "/healthz", "", "", 200},
		{"GET", "/readyz", "", "", 200},
		{"GET", "/metrics", "", "", 200},
		{"GET", "/openapi.yaml", "", "", 200},
		{"GET", "/", "", "", 302},
		{"GET", "/usage", "", "", 200},
		{"GET", icon, "", "", 200},
	} {
		asked[c.method+" "+described.check(a, c.method, c.target, c.kind, c.body, c.status)] = true
	}
	for path, item := range described.Paths.Map() {
		for method := range item.Operations() {
			if !asked[method+" "+path] {
				t.Errorf("%s %s was not asked", method, path)
			}
		}
	}
	// While Valkey is away, and while the process starts, the answer is 503.
	a.server.draining.Store(true)
	described.check(a, "GET", "/readyz", "", "", 503)
}

// The description of alerts is held against an answer as it is agreed on.
func TestTheDescriptionOfAlertsTakesAnAnswer(t *testing.T) {
	described := readDescription(t)
	schema := described.Components.Schemas["Alerts"].Value
	const id = `"0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e"`
	answer := fmt.Sprintf(`{"alerts":[{"id":%s,"tenant":"acme","threshold":80,"used":90,"quota":100,"percent":90,"periodStart":"2026-08-01","periodEnd":"2026-09-01",
		"state":"open","firedAt":"2026-08-01T12:00:00Z","clearedAt":null,"deliveries":[{"id":%s,"kind":"slack","event":"quota.threshold_crossed",
		"target":"slack default","status":"pending","attempts":1,"nextAttemptAt":"2026-08-01T12:00:05Z","deliveredAt":null,"lastError":"status 500",
		"tries":[{"at":"2026-08-01T12:00:00Z","status":500,"error":null,"durationMs":12,"answer":null}]}]}],"next":null}`, id, id)
	for _, c := range []struct {
		old, new string
		fits     bool
	}{{"", "", true}, {`"open"`, `"closed"`, false}, {`"attempts":1,`, ``, false},
		{`"next":null`, `"next":5`, false}} {
		value, err := decodeJSON(strings.Replace(answer, c.old, c.new, 1))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); (err == nil) != c.fits {
			t.Errorf("%s in place of %s: %v", c.new, c.old, err)
		}
	}
}

// A test that compares nothing would pass, too.
func TestAnAnswerThatDoesNotFitIsFound(t *testing.T) {
	described := readDescription(t)
	for name, answer := range map[string]string{
		"Tenants":     `{"tenants":[{"tenant":"acme"}],"matching":1,"next":null,"totals":{"tenants":1,"totalTokens":1,"overQuota":0,"nearQuota":0,"eventsPerSecond":0},"asOf":"2026-08-01T12:00:00Z","stale":false}`,
		"TenantUsage": `{"tenant":"acme","totalTokens":"5"}`,
		"Series":      `{"tenant":"acme","step":"day","timezone":"UTC","from":"x","to":"y","points":[{"start":"2026-08-01T00:00:00Z","tokens":-1,"events":0}],"asOf":"2026-08-01T12:00:00Z","stale":false}`,
		"Problem":     `{"type":"/problems/x","title":"x","status":400,"colour":"red"}`,
	} {
		value, err := decodeJSON(answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := described.Components.Schemas[name].Value.VisitJSON(value,
			openapi3.EnableJSONSchema2020()); err == nil {
			t.Errorf("%s takes %s", name, answer)
		}
	}
}
