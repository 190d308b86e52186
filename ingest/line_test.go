package ingest

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// hardNames are texts that COPY, or whoever passes them on, might take for something else.
var hardNames = []string{`back\slash`, `\`, `\\`, `\N`, `\.`, `\n`, `\t`, `\x41`, `\101`, `N`, `.`, `NULL`, `a\`, `"q"`, `'q'`, `,;|`, `{a,b}`, `$1`, `%s`,
	`-- x`, "é", "e\u0301", "🦉", "\u202eשלום", "\u2028", "\ufeff", " ", "  a  ", strings.Repeat(`\`, 128), strings.Repeat("🦉", 128)}

func TestEveryNameComesBackFromPostgres(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.addTenants(hardNames...)
	type row struct {
		Tenant, Feature, ID string
		Tokens              int64
		At                  time.Time `db:"created_at"`
	}
	var want []row
	var lines []string
	at := arrival.UTC().Truncate(time.Microsecond)
	for i, name := range hardNames {
		r := row{name, hardNames[(i+1)%len(hardNames)], hardNames[(i+2)%len(hardNames)], int64(i) + 1, at.Add(-time.Duration(i) * 7 * time.Microsecond)}
		want = append(want, r)
		lines = append(lines, fmt.Sprintf(`{"tenant":%s,"feature":%s,"id":%s,"tokens":%d,"timestamp":%q}`,
			quoted(r.Tenant), quoted(r.Feature), quoted(r.ID), r.Tokens, r.At.Format(time.RFC3339Nano)))
	}
	want = append(want, row{"acme", "chat", "<null>", 1_000_000_000_000, at})
	lines = append(lines, acme(1_000_000_000_000, ""))
	if r := a.post(ndjsonType, strings.Join(lines, "\n")); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}

	f := flusher.New(flusher.Options{DB: a.env.DB, Valkey: a.valkey, Now: a.clock.now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Registerer: prometheus.NewRegistry()})
	if done, err := f.RunOnce(t.Context()); err != nil || done.Events != int64(len(want)) || done.Dead != 0 {
		t.Fatalf("flush: %+v, %v", done, err)
	}
	var got []row
	if err := a.env.DB.Select(&got, `SELECT tenant, feature, coalesce(idempotency_key, '<null>') AS id, tokens, created_at
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

// decodeCopy reads a line of COPY's text format as Postgres does; nil is NULL.
func decodeCopy(line string) ([]*string, error) {
	var fields []*string
	for raw := range strings.SplitSeq(line, "\t") {
		if raw == `\N` {
			fields = append(fields, nil)
			continue
		}
		var text strings.Builder
		for i := 0; i < len(raw); i++ {
			c := raw[i]
			if c == '\n' || c == '\r' {
				return nil, fmt.Errorf("byte %d ends the line", i)
			}
			if c == '\\' {
				if i++; i == len(raw) || raw[i] != '\\' {
					return nil, fmt.Errorf("an escape that appendLine has no reason to write in %q", raw)
				}
			}
			text.WriteByte(c)
		}
		decoded := text.String()
		fields = append(fields, &decoded)
	}
	return fields, nil
}

// FuzzLine holds that a valid event's line has six fields that say what the event says.
func FuzzLine(f *testing.F) {
	f.Add("acme-corp", "gpt-4-turbo", "", int64(1500), int64(0))
	f.Fuzz(func(t *testing.T, tenant, feature, id string, tokens, micros int64) {
		if meter.CheckName(tenant) != "" || meter.CheckName(feature) != "" || id != "" && meter.CheckName(id) != "" || meter.CheckTokens(tokens) != "" {
			t.Skip("no valid event")
		}
		at := arrival.Truncate(time.Microsecond).Add(time.Duration(micros%(100*365*24*3600*1e6)) * time.Microsecond)
		key := uuid.Must(uuid.NewV7())
		line := string(appendLine(nil, key, meter.Event{ID: id, Tenant: tenant, Feature: feature, Tokens: tokens, At: at}))
		fields, err := decodeCopy(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if len(fields) != 6 {
			t.Fatalf("%q has %d fields", line, len(fields))
		}
		for i, want := range []string{key.String(), tenant, feature, strconv.FormatInt(tokens, 10)} {
			if fields[i] == nil || *fields[i] != want {
				t.Errorf("field %d of %q is not %q", i, line, want)
			}
		}
		if got, err := time.Parse("2006-01-02 15:04:05-07", *fields[4]); err != nil || !got.Equal(at) {
			t.Errorf("%q: time %v, %v; want %v", line, got, err, at)
		}
		switch got := fields[5]; {
		case id == "" && got != nil:
			t.Errorf("%q has the id %q, want none", line, *got)
		case id != "" && (got == nil || *got != id):
			t.Errorf("%q has another id than %q", line, id)
		}
		// More lines are appended to what is there.
		if twice := string(appendLine([]byte("x\n"), key, meter.Event{ID: id, Tenant: tenant, Feature: feature, Tokens: tokens, At: at})); twice != "x\n"+line {
			t.Errorf("appended: %q, want %q", twice, line)
		}
	})
}

func BenchmarkAppendLine(b *testing.B) {
	id := uuid.Must(uuid.NewV7())
	for _, c := range []struct {
		name  string
		event meter.Event
	}{
		{"plain", meter.Event{Tenant: "acme-corp", Feature: "gpt-4-turbo", Tokens: 1500, At: arrival}},
		{"with id", meter.Event{ID: "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e", Tenant: "acme-corp", Feature: "gpt-4-turbo", Tokens: 1500, At: arrival}},
		{"with backslashes", meter.Event{Tenant: `a\b\c\d`, Feature: `gpt\4\turbo`, Tokens: 1500, At: arrival}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var line []byte
			for b.Loop() {
				line = appendLine(line[:0], id, c.event)
			}
		})
	}
}
