package record_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

var arrival = time.Date(2026, 8, 1, 12, 0, 0, 123_456_000, time.UTC)

// stored is an event as Postgres has it, and the line that Postgres makes of it.
type stored struct {
	ID              uuid.UUID
	Tenant, Feature string
	Tokens          int64
	At              time.Time `db:"created_at"`
	Key             *string   `db:"idempotency_key"`
	RequestKey      *string   `db:"request_key"`
	RequestPlace    *int      `db:"request_place"`
	RequestScope    *string   `db:"request_scope"`
	Line            string
}

// request is the event's, zero if it has none.
func (s stored) request() (r record.Request) {
	if s.RequestKey != nil {
		r = record.Request{Key: *s.RequestKey, Place: *s.RequestPlace,
			Scope: record.Scope((*s.RequestScope)[0])}
	}
	return r
}

func (s stored) event() meter.Event {
	e := meter.Event{Tenant: s.Tenant, Feature: s.Feature, Amounts: meter.OneEvent(s.Tokens),
		At: s.At.UTC()}
	if s.Key != nil {
		e.ID = *s.Key
	}
	return e
}

// FuzzLine holds that the line of a valid event, in a group with another one behind it, which came
// in a request with the same text as its key, comes back from Postgres as the event, and that
// Parse reads it, and the line that Postgres makes.
func FuzzLine(f *testing.F) {
	env := stacktest.New(f)
	f.Add("acme-corp", "gpt-4-turbo", "", int64(1500), int64(0))
	f.Add(`\`, `\N`, `a\\b`, int64(0), int64(-1))
	f.Add("shalom \u05e9", `\.`, `\N`, int64(1_000_000_000_000), int64(999_999))
	f.Fuzz(func(t *testing.T, tenant, feature, id string, tokens, micros int64) {
		if meter.CheckName(tenant) != "" || meter.CheckName(feature) != "" ||
			id != "" && meter.CheckName(id) != "" || meter.CheckTokens(tokens) != "" {
			t.Skip("no valid event")
		}
		const century = 100 * 365 * 24 * 3600 * 1e6 // in microseconds
		events := []meter.Event{
			{ID: id, Tenant: tenant, Feature: feature, Amounts: meter.OneEvent(tokens),
				At: arrival.Add(time.Duration(micros%century) * time.Microsecond)},
			{ID: "next", Tenant: "acme", Feature: "chat", Amounts: meter.OneEvent(1), At: arrival},
		}
		var lines []string
		ids := make([]uuid.UUID, len(events))
		requests := []record.Request{{}, {Key: feature, Place: 7, Scope: record.OfShards}}
		for i, e := range events {
			ids[i] = uuid.Must(uuid.NewV7())
			line := record.Append(nil, ids[i], e)
			if requests[i].Key != "" {
				line = record.AppendRequest(line, requests[i])
			}
			lines = append(lines, string(line))
		}
		for i, row := range copied(t, env, strings.Join(lines, "\n"), len(events)) {
			if row.event() != events[i] || row.ID != ids[i] || (row.Key == nil) != (events[i].ID == "") {
				t.Errorf("%q comes back as %+v, was %+v", lines[i], row, events[i])
			}
			if row.request() != requests[i] {
				t.Errorf("%q comes back with %+v, want %+v", lines[i], row.request(), requests[i])
			}
			if row.Line != lines[i] {
				t.Errorf("Postgres makes %q of it, want %q", row.Line, lines[i])
			}
			gotID, got, err := record.Parse(lines[i])
			if err != nil || gotID != ids[i] || got != events[i] {
				t.Errorf("%q is read as %s %+v, %v", lines[i], gotID, got, err)
			}
			if got := record.Tokens(lines[i]); got != events[i].Amounts[meter.Tokens] {
				t.Errorf("%q has %d tokens, want %d", lines[i], got, events[i].Amounts[meter.Tokens])
			}
		}
	})
}

// copied copies a group into events, returns its rows by id, and deletes them.
func copied(t *testing.T, env *stacktest.Env, group string, want int) (rows []stored) {
	t.Helper()
	ctx := context.Background()
	conn, err := env.DB.Connx(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec("SET LOCAL TimeZone = 'Asia/Kathmandu'"); err != nil { // which Text ignores
		t.Fatal(err)
	}
	plain, long := record.Split([]string{group})
	for statement, text := range map[string]string{record.CopyInto("events"): plain,
		record.CopyLongInto("events"): long} {
		if err := store.CopyText(ctx, conn, statement, text); err != nil {
			t.Fatalf("copy %q: %v", text, err)
		}
	}
	query := "SELECT *, " + record.Text + " AS line FROM events ORDER BY id"
	if err := tx.Select(&rows, query); err != nil {
		t.Fatal(err)
	}
	if len(rows) != want {
		t.Fatalf("%q makes %d rows, want %d", group, len(rows), want)
	}
	return rows
}

func TestDamagedLines(t *testing.T) {
	const id = "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e"
	for name, line := range map[string]string{
		"empty":                "",
		"a field less":         id + "\tacme\tchat\t1\t2026-08-01 12:00:00+00",
		"a field more":         id + "\tacme\tchat\t1\t2026-08-01 12:00:00+00\t\\N\t1",
		"a place that is none": id + "\tacme\tchat\t1\t2026-08-01 12:00:00+00\t\\N\tk\tx\td",
		"a scope that is none": id + "\tacme\tchat\t1\t2026-08-01 12:00:00+00\t\\N\tk\t1\tdd",
		"no scope":             id + "\tacme\tchat\t1\t2026-08-01 12:00:00+00\t\\N\tk\t1\t",
		"no id":                "x\tacme\tchat\t1\t2026-08-01 12:00:00+00\t\\N",
		"no count":             id + "\tacme\tchat\tmany\t2026-08-01 12:00:00+00\t\\N",
		"no time":              id + "\tacme\tchat\t1\tnoon\t\\N",
		"half of a row":        id + "\tac",
	} {
		if _, _, err := record.Parse(line); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func TestSplitTellsTheFormsApart(t *testing.T) {
	plain, long, odd := "1\tacme\tchat\t5\tt\t\\N", "1\tacme\tchat\t5\tt\t\\N\tk\t1\td", "what is this"
	for _, c := range []struct {
		groups      []string
		plain, long string
	}{
		{nil, "", ""},
		{[]string{plain, plain + "\n" + plain}, plain + "\n" + plain + "\n" + plain, ""},
		{[]string{long}, "", long},
		{[]string{plain + "\n" + long, long + "\n" + plain}, plain + "\n" + plain, long + "\n" + long},
		{[]string{odd + "\n" + long, plain}, odd + "\n" + plain, long},
		// not told apart: as many tabs as two plain lines
		{[]string{"\t\t\n" + long}, "\t\t\n" + long, ""},
		// as the flusher asks when Postgres refuses that
		{[]string{"\t\t", long}, "\t\t", long},
	} {
		if gotPlain, gotLong := record.Split(c.groups); gotPlain != c.plain || gotLong != c.long {
			t.Errorf("%q: %q and %q", c.groups, gotPlain, gotLong)
		}
	}
}

// BenchmarkSplit is what the flusher does with a batch of a MiB before it copies it.
func BenchmarkSplit(b *testing.B) {
	e := meter.Event{Tenant: "acme-corp", Feature: "gpt-4-turbo", Amounts: meter.OneEvent(1500),
		At: arrival}
	line := string(record.Append(nil, uuid.Must(uuid.NewV7()), e))
	long := string(record.AppendRequest([]byte(line),
		record.Request{Key: "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e", Place: 1, Scope: record.OfAll}))
	for _, c := range []struct{ name, line string }{{"plain", line}, {"long", long}} {
		group := strings.TrimSuffix(strings.Repeat(c.line+"\n", 100), "\n")
		groups := make([]string, 1<<20/len(group))
		for i := range groups {
			groups[i] = group
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(1 << 20)
			for b.Loop() {
				record.Split(groups)
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	id := uuid.Must(uuid.NewV7())
	for _, c := range []struct {
		name  string
		event meter.Event
	}{
		{"plain", meter.Event{Tenant: "acme-corp", Feature: "gpt-4-turbo", Amounts: meter.OneEvent(1500),
			At: arrival}},
		{"with id", meter.Event{ID: "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e", Tenant: "acme-corp",
			Feature: "gpt-4-turbo", Amounts: meter.OneEvent(1500), At: arrival}},
		{"with backslashes", meter.Event{Tenant: `a\b\c\d`, Feature: `gpt\4\turbo`,
			Amounts: meter.OneEvent(1500), At: arrival}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var line []byte
			for b.Loop() {
				line = record.Append(line[:0], id, c.event)
			}
		})
	}
}

func TestTokensOfALine(t *testing.T) {
	for line, want := range map[string]int64{
		"id\tacme\tchat\t1500\t2026-08-01":    1500,
		"id\tacme\tchat\t-1500\t2026-08-01":   -1500,
		"id\tacme\tchat\t1e3\t2026-08-01":     0,
		"id\tacme\tchat\t9223372036854775808": 0,
		"id\tacme":                            0,
		"":                                    0,
	} {
		if got := record.Tokens(line); got != want {
			t.Errorf("%q has %d tokens, want %d", line, got, want)
		}
	}
}
