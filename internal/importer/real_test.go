package importer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/importer"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// server is the API on real stores, which remembers ids for three hours.
type server struct {
	*testing.T
	env  *stacktest.Env
	dir  *tenants.Directory
	live *usage.Live
	url  string
}

func newRealServer(t *testing.T) *server {
	env := stacktest.New(t)
	rdb, err := valkey.Connect(env.ValkeyURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rdb.Close() })
	valkey, log := scripts.New(rdb, 1), slog.New(slog.DiscardHandler)
	s := &server{T: t, env: env, dir: tenants.New(env.AppDB, valkey, log)}
	s.live = usage.New(env.AppDB, valkey, s.dir, time.Now)
	if err := s.dir.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	api := ingest.New(ingest.Options{Limits: commit.Settings{Dedupe: 3 * time.Hour}, Backend: backend.Backend{
		DB: env.AppDB, Valkey: valkey, Now: time.Now, Log: log, Tenants: s.dir, Live: s.live}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- api.Run(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s
}

// tenant adds one without a quota.
func (s *server) tenant(name string) {
	s.Helper()
	if _, err := s.env.DB.ExecContext(s.Context(), "INSERT INTO tenants (name) VALUES ($1)",
		name); err != nil {
		s.Fatal(err)
	}
	if err := s.live.Refresh(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// total is what GET /usage/:tenant says.
func (s *server) total(tenant string) int64 {
	s.Helper()
	res, err := http.Get(s.url + "/usage/" + tenant)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	var u struct{ TotalTokens int64 }
	if err := json.NewDecoder(res.Body).Decode(&u); err != nil || res.StatusCode != 200 {
		s.Fatalf("usage of %s: %d, %v", tenant, res.StatusCode, err)
	}
	return u.TotalTokens
}

// file writes text into one of that name and returns options that import it for a tenant.
func (s *server) file(tenant, name, text string) importer.Options {
	s.Helper()
	path := filepath.Join(s.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return importer.Options{File: path, URL: s.url, Tenant: tenant, Feature: "x", Tokens: "tokens"}
}

// run imports and returns the result with its report.
func (s *server) run(o importer.Options) (importer.Result, string) {
	s.Helper()
	var out, errs bytes.Buffer
	result, err := importer.Run(s.Context(), o, &out, &errs)
	if err != nil {
		s.Fatalf("import: %v\n%s%s", err, &out, &errs)
	}
	return result, out.String()
}
