package ingest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	client "github.com/eduardosanzb/flagmeter/test/kit/api"
)

// response is an answer of the server.
type response struct {
	status int
	header http.Header
	body   string
}

// requestID is in every problem, and differs.
var requestID = regexp.MustCompile(`,"requestId":"[^"]*"`)

// text is the body without what differs from request to request.
func (r response) text() string { return requestID.ReplaceAllString(r.body, "") }

// do sends a request; it may be called from any goroutine.
func (a *api) do(method, path, contentType string, body io.Reader) (response, error) {
	req, err := http.NewRequestWithContext(a.Context(), method, a.url+path, body)
	if err != nil {
		return response{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return a.send(req)
}

func (a *api) send(req *http.Request) (response, error) {
	got, err := client.Client{Key: a.key, HTTP: a.client}.Send(req)
	return response{got.Status, got.Header, got.Body}, err
}

// post sends a body to /events.
func (a *api) post(contentType, body string) response {
	a.Helper()
	r, err := a.do("POST", "/events", contentType, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	return r
}

func (a *api) get(path string) response {
	a.Helper()
	r, err := a.do("GET", path, "", nil)
	if err != nil {
		a.Fatal(err)
	}
	return r
}

// posted is the answer to POST /events.
type posted struct {
	Accepted   int
	Duplicates int
	Usage      []struct {
		Tenant      string
		TotalTokens int64
		Stale       bool
	}
}

// counted posts events as JSON and fails the test unless it is answered 200.
func (a *api) counted(body string) posted {
	a.Helper()
	r := a.post(jsonType, body)
	if r.status != 200 {
		a.Fatalf("POST %.200s: %d %.400s", body, r.status, r.body)
	}
	return a.read(r)
}

func (a *api) read(r response) posted {
	a.Helper()
	var p posted
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		a.Fatalf("%q: %v", r.body, err)
	}
	return p
}

// total is what GET /usage/:tenant says.
func (a *api) total(tenant string) int64 {
	a.Helper()
	r := a.get("/usage/" + url.PathEscape(tenant))
	var u struct {
		Tenant      string
		TotalTokens int64
	}
	if r.status != 200 || json.Unmarshal([]byte(r.body), &u) != nil || u.Tenant != tenant {
		a.Fatalf("GET usage of %q: %d %s", tenant, r.status, r.body)
	}
	return u.TotalTokens
}

// refusal is a problem as a client reads it.
type refusal struct {
	Type, Title, Detail string
	Status              int
	Errors              []problem.FieldError
}

// refused fails the test unless r is a complete problem of that status and type.
func (a *api) refused(r response, status int, kind string) refusal {
	a.Helper()
	var p refusal
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		a.Fatalf("%d %q is not a problem: %v", r.status, r.body, err)
	}
	if r.status != status || p.Status != status || p.Type != "/problems/"+kind || p.Title == "" ||
		p.Detail == "" {
		a.Errorf("%d %s, want %d and type /problems/%s", r.status, r.body, status, kind)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		a.Errorf("content type %q", got)
	}
	if retry := r.header.Get("Retry-After"); (retry != "") != (status == 503 || status == 429) {
		a.Errorf("status %d with Retry-After %q", status, retry)
	}
	return p
}

// indexes are the events that a problem names.
func (p refusal) indexes() []int {
	var out []int
	for _, e := range p.Errors {
		if e.Index != nil {
			out = append(out, *e.Index)
		}
	}
	return out
}

// acme is one event of tenant acme as JSON; members, if any, come with a comma in front.
func acme(tokens int64, members string) string {
	return fmt.Sprintf(`{"tenant":"acme","feature":"chat","tokens":%d%s}`, tokens, members)
}
