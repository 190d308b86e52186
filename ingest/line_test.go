package ingest

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/text/unicode/norm"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// hardNames are texts that COPY, or whoever passes them on, might take for something else.
var hardNames = []string{`back\slash`, `\`, `\\`, `\N`, `\.`, `\n`, `\t`, `\x41`, `\101`, `N`,
	`...`, `NULL`, `a\`, `"q"`, `'q'`, `,;|`, `{a,b}`, `$1`, `%s`,
	`-- x`, "é", "e\u0301", "🦉", "\u202eשלום", "\u2028", "\ufeff", " ", "  a  ",
	strings.Repeat(`\`, 128), strings.Repeat("🦉", 128)}

func TestEveryNameComesBackFromPostgres(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	names := slices.DeleteFunc(slices.Clone(hardNames), func(name string) bool {
		return meter.CheckLook(name) != "" || !norm.NFC.IsNormalString(name)
	})
	a.addTenants(names...)
	type row struct {
		Tenant, Feature, ID string
		Tokens              int64
		At                  time.Time `db:"created_at"`
	}
	var want []row
	var lines []string
	at := arrival.UTC().Truncate(time.Microsecond)
	for i, name := range hardNames {
		// Tenants and features have names that are taken as they are; ids may be anything.
		r := row{names[i%len(names)], names[(i+1)%len(names)], name, int64(i) + 1,
			at.Add(-time.Duration(i) * 7 * time.Microsecond)}
		want = append(want, r)
		lines = append(lines, fmt.Sprintf(`{"tenant":%s,"feature":%s,"id":%s,"tokens":%d,"timestamp":%q}`,
			quoted(r.Tenant), quoted(r.Feature), quoted(r.ID), r.Tokens, r.At.Format(time.RFC3339Nano)))
	}
	want = append(want, row{"acme", "chat", "<null>", 1_000_000_000_000, at})
	lines = append(lines, acme(1_000_000_000_000, ""))
	if r := a.post(ndjsonType, strings.Join(lines, "\n")); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}

	f := flusher.New(flusher.Options{DB: a.env.DB, Valkey: a.valkey, Now: a.clock.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Registerer: prometheus.NewRegistry()})
	if done, err := f.RunOnce(t.Context()); err != nil || done.Events != int64(len(want)) ||
		done.Dead != 0 {
		t.Fatalf("flush: %+v, %v", done, err)
	}
	var got []row
	if err := a.env.DB.Select(&got,
		`SELECT tenant, feature, coalesce(idempotency_key, '<null>') AS id, tokens, created_at
		FROM events ORDER BY tokens`); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		got[i].At = got[i].At.UTC()
		if got[i] != want[i] {
			t.Errorf("row %d\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}
