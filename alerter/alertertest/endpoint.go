package alertertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Endpoint receives signed events and keeps them.
type Endpoint struct {
	URL string

	mu   sync.Mutex
	sent []Received
}

// Received is one received event.
type Received struct {
	Header http.Header
	Body   []byte
}

// Endpoint starts a receiver that replies with answer, or with 200 if answer is nil.
func (w *World) Endpoint(answer func(http.ResponseWriter, *http.Request)) *Endpoint {
	e := &Endpoint{}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		e.mu.Lock()
		e.sent = append(e.sent, Received{r.Header, body})
		e.mu.Unlock()
		if answer != nil {
			answer(rw, r)
		}
	}))
	w.T.Cleanup(srv.Close)
	e.URL = srv.URL
	return e
}

// Got returns the events received so far.
func (e *Endpoint) Got() []Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Received(nil), e.sent...)
}

// AddWebhook adds a row for the endpoint and returns its secret.
func (w *World) AddWebhook(e *Endpoint, tenant *string) (secret string) {
	w.T.Helper()
	if err := w.DB.Get(&secret,
		"INSERT INTO webhooks (tenant, url) VALUES ($1, $2) RETURNING secret",
		tenant, e.URL); err != nil {
		w.T.Fatal(err)
	}
	return secret
}

// Status answers with a code.
func Status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
