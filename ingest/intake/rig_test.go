package intake

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/intake/native"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
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
	rdb, err := valkey.Connect(env.ValkeyURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rdb.Close() })
	b := backend.Backend{DB: env.AppDB, Valkey: scripts.New(rdb, 1), Now: time.Now,
		Log: slog.New(slog.DiscardHandler)}
	b.Tenants = tenants.New(b.DB, b.Valkey, b.Log)
	b.Live = usage.New(b.DB, b.Valkey, b.Tenants, b.Now)
	if err := b.Tenants.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
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
	body := strings.NewReader(eventsOfAcme(events))
	resp, err := http.Post(r.url+"/events", "application/x-ndjson", body)
	if err != nil {
		r.t.Error(err)
		return 0, 0
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Error(err)
	}
	var got struct{ Accepted int }
	if err := json.Unmarshal(text, &got); err != nil {
		r.t.Errorf("%s: %v", text, err)
	}
	if resp.StatusCode == 503 && resp.Header.Get("Retry-After") == "" {
		r.t.Errorf("no Retry-After: %v", resp.Header)
	}
	return resp.StatusCode, got.Accepted
}

// eventsOfAcme is a body of more than 64 bytes an event.
func eventsOfAcme(events int) string {
	var b strings.Builder
	for i := range events {
		fmt.Fprintf(&b, `{"tenant":"acme","feature":"%030d","tokens":1}`+"\n", i%10)
	}
	return b.String()
}
