package ingest

import (
	"encoding/csv"
	"net/url"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Whatever separates cells for whoever opens a file, and whether or not it knows quotes: no
// cell of an export begins with a formula.
func TestNoExportHasAFormula(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.autoCreate = true })
	names := []string{"x;=1+1", "x|=1+1", " =1+1", "\uff1d1+1", "\u2003@a", `x;"=1+1`, "=1+1"}
	for _, name := range names {
		if meter.CheckLook(name) != "" {
			continue // refused, but it may be in use since before it was
		}
		body := strings.NewReplacer("NAME",
			strings.ReplaceAll(name, `"`,
				`\"`)).Replace(`[{"tenant":"NAME","feature":"NAME","tokens":1,"id":"NAME"},{"tenant":"acme","feature":"NAME","tokens":1,"id":"NAME"}]`)
		a.counted(body)
	}
	for _, name := range names {
		if _, err := a.env.DB.Exec(`INSERT INTO events (id, tenant, feature, tokens, created_at, idempotency_key)
			VALUES (gen_random_uuid(), 'acme', $1, 1, '2026-08-01T11:00:00Z', $1)`, name); err != nil {
			t.Fatal(err)
		}
	}
	paths := []string{"/tenants.csv", "/usage/acme/series.csv?split=feature",
		"/usage/acme/events.csv?from=2026-07-31T00:00:00Z&to=2026-08-02T00:00:00Z"}
	for _, name := range names {
		if meter.CheckLook(name) != "" {
			continue
		}
		paths = append(paths, "/usage/"+url.PathEscape(name)+"/series.csv?split=feature")
	}
	for _, path := range paths {
		body := a.get(path).body
		if !strings.Contains(body, "'") {
			t.Errorf("%s has no cell that was defused:\n%s", path, body)
		}
		for _, comma := range ",;|\t" {
			r := csv.NewReader(strings.NewReader(body))
			r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
			lines, err := r.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				for _, cell := range line {
					if bare := strings.TrimLeft(cell, " \u2003\""); strings.HasPrefix(bare, "=") ||
						strings.HasPrefix(bare, "@") || strings.HasPrefix(bare, "\uff1d") {
						t.Errorf("%s read with %q has the cell %q", path, comma, cell)
					}
				}
			}
		}
	}
}
