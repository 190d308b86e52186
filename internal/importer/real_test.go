package importer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/importer"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/pipeline"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// server is the API on real stores, which remembers ids for three hours.
type server struct{ *pipeline.Pipeline }

func newRealServer(t *testing.T) *server {
	p := pipeline.New(t, stacktest.New(t), clock.Running(time.Now(), 1),
		commit.Settings{Dedupe: 3 * time.Hour})
	if err := p.Tenants.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &server{p}
}

// tenant adds one without a quota.
func (s *server) tenant(name string) {
	s.Helper()
	s.Exec("INSERT INTO tenants (name) VALUES ($1)", name)
	if err := s.Live.Refresh(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// total is what GET /usage/:tenant says.
func (s *server) total(tenant string) int64 {
	s.Helper()
	var u struct{ TotalTokens int64 }
	s.API.Get(s, "/usage/"+tenant).OK(s).Read(s, &u)
	return u.TotalTokens
}

// file writes text into one of that name and returns options that import it for a tenant.
func (s *server) file(tenant, name, text string) importer.Options {
	s.Helper()
	path := filepath.Join(s.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return importer.Options{File: path, URL: s.API.URL, Tenant: tenant, Feature: "x", Tokens: "tokens"}
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
