package ingest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// description is openapi.yaml, read by kin-openapi: the one well-kept library that checks
// requests and answers against schemas of OpenAPI 3.1, which are JSON Schema 2020-12.
type description struct {
	*openapi3.T
	router routers.Router
}

func readDescription(t *testing.T) description {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return description{doc, router}
}

// pathOf is a route's path as OpenAPI writes it.
func pathOf(r route) string {
	parts := strings.Split(r.path, "/")
	for i, part := range parts {
		if part != "" && strings.ContainsRune(":*", rune(part[0])) {
			parts[i] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

// check sends a request and holds it and its answer against the description. A request that
// is meant to be refused need not fit.
func (d description) check(a *api, method, target, contentType, body string, status int) string {
	a.Helper()
	options := &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	req, err := http.NewRequestWithContext(a.Context(), method, a.url+target, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	found, params, err := d.router.FindRoute(req)
	if err != nil {
		a.Errorf("%s %s is not described: %v", method, target, err)
		return ""
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: found, Options: options}
	if err := openapi3filter.ValidateRequest(a.Context(), input); err != nil && status < 300 {
		a.Errorf("%s %s: the request does not fit: %v", method, target, err)
	} else if err == nil && status == 400 {
		a.Errorf("%s %s: a request that is refused fits", method, target)
	}
	req.Body = io.NopCloser(strings.NewReader(body))
	r, err := a.send(req)
	if err != nil {
		a.Fatal(err)
	}
	if r.status != status {
		a.Errorf("%s %s: %d %.300s, want %d", method, target, r.status, r.body, status)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: r.status, Header: r.header, Options: options}
	if status == http.StatusSwitchingProtocols || status >= 300 && status < 400 || method == http.MethodHead {
		return found.Path
	}
	if err := openapi3filter.ValidateResponse(a.Context(), answer.SetBodyBytes([]byte(r.body))); err != nil {
		a.Errorf("%s %s: the answer does not fit: %v\n%.600s", method, target, err, r.body)
	}
	return found.Path
}

func decodeJSON(text string) (value any, err error) {
	err = json.Unmarshal([]byte(text), &value)
	return value, err
}
