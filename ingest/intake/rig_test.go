package intake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/intake/native"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/backendtest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rig is handlers on real stores, with the tenant acme, behind an HTTP server.
type rig struct {
	*Handlers
	t   *testing.T
	url string
}

func newRig(t *testing.T) rig {
	t.Helper()
	env := stacktest.New(t)
	env.DB.MustExecContext(t.Context(), "INSERT INTO tenants (name) VALUES ('acme')")
	b := backendtest.New(t, env, time.Now)
	committers := commit.New(b, commit.Settings{Dedupe: time.Hour}, nil)
	h := New(b, Settings{}, committers, budget.New(0))
	post := h.Post(native.Decoder{Tenants: b.Tenants})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := post(w, r, nil); err != nil {
			problem.Write(w, r, b.Log, err)
		}
	}))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		committers.Run(t.Context()) // ends before the first Cleanup
	}()
	t.Cleanup(func() {
		server.Close()
		<-stopped
	})
	return rig{h, t, server.URL}
}

// post sends so many events of acme, and returns the status and how many were accepted.
func (r rig) post(events int) (status, accepted int) {
	r.t.Helper()
	a, err := api.Client{URL: r.url}.TryPost(r.t.Context(), eventsOfAcme(events),
		"Content-Type", "application/x-ndjson")
	if err != nil {
		r.t.Error(err)
		return 0, 0
	}
	var got struct{ Accepted int }
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		r.t.Errorf("%s: %v", a.Body, err)
	}
	if a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
		r.t.Errorf("no Retry-After: %v", a.Header)
	}
	return a.Status, got.Accepted
}

// eventsOfAcme is a body of more than 64 bytes an event.
func eventsOfAcme(events int) string {
	var b strings.Builder
	for i := range events {
		fmt.Fprintf(&b, `{"tenant":"acme","feature":"%030d","tokens":1}`+"\n", i%10)
	}
	return b.String()
}
