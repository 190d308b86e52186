package alertertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Endpoint is a receiver of signed events, which it keeps.
type Endpoint struct {
	URL string

	mu   sync.Mutex
	sent []Received
}

// Received is an event that has come.
type Received struct {
	Header http.Header
	Body   []byte
}

// Endpoint starts a receiver that answers by answer; nil: 200.
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

// Got returns the events that have come.
func (e *Endpoint) Got() []Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Received(nil), e.sent...)
}

// AddWebhook adds a row for the endpoint and returns its secret.
func (w *World) AddWebhook(e *Endpoint, tenant *string) (secret string) {
	w.T.Helper()
	if err := w.DB.Get(&secret, "INSERT INTO webhooks (tenant, url) VALUES ($1, $2) RETURNING secret",
		tenant, e.URL); err != nil {
		w.T.Fatal(err)
	}
	return secret
}
