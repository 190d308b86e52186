package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// write puts text into a file of its own and returns options that import it.
func write(t *testing.T, s *fakeServer, text string) Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "calls.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{
		File: file, Tenant: "acme-corp", Feature: "gpt-4-turbo", Tokens: "in+out",
		Client: &client.Client{URL: s.URL, Sleep: func(ctx context.Context, _ time.Duration) error {
			return ctx.Err()
		}},
	}
}

// numbered is a file with rows 1…n, whose tokens add up to the returned sum.
func numbered(n int) (text string, sum int64) {
	var b strings.Builder
	b.WriteString("in,out\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%d,%d\n", i, 2*i)
		sum += int64(3 * i)
	}
	return b.String(), sum
}

func run(t *testing.T, o Options) (Result, string) {
	t.Helper()
	var out, errs bytes.Buffer
	result, err := Run(t.Context(), o, &out, &errs)
	if err != nil {
		t.Fatalf("import: %v\n%s%s", err, &out, &errs)
	}
	return result, out.String()
}

func TestImportCountsEveryRowOnce(t *testing.T) {
	s := newServer(t)
	text, sum := numbered(25)
	o := write(t, s, text)
	o.Batch = 10
	first, out := run(t, o)
	if !slices.Equal(s.batches, []int{10, 10, 5}) {
		t.Errorf("got batches %v", s.batches)
	}
	if first.Rows != 25 || first.Accepted != 25 || first.Duplicates+first.Refused != 0 ||
		first.Tokens != sum || s.total() != sum || !first.Complete {
		t.Errorf("got %+v and %d on the server; want 25 rows, %d tokens", first, s.total(), sum)
	}
	if want := "accepted                25\nduplicate                0\nrefused" +
		"                  0\ntokens                 975\n"; !strings.HasPrefix(out, want) {
		t.Errorf("got report\n%s", out)
	}
	o.Batch = 7
	again, _ := run(t, o)
	if again.Accepted != 0 || again.Duplicates != 25 || again.Tokens != sum || s.total() != sum ||
		again.IDPrefix != first.IDPrefix {
		t.Errorf("the second time: got %+v and %d on the server", again, s.total())
	}
}

func TestLostReplyBecomesDuplicates(t *testing.T) {
	s := newServer(t)
	s.after = func(n int) {
		if n == 1 {
			panic(http.ErrAbortHandler)
		}
	}
	text, sum := numbered(30)
	o := write(t, s, text)
	o.Batch = 10
	got, _ := run(t, o)
	if got.Accepted != 20 || got.Duplicates != 10 || got.Tokens != sum || s.total() != sum {
		t.Errorf("got %+v and %d on the server; want 20 + 10 duplicates and %d", got, s.total(), sum)
	}
}

func TestRowsThatAreNoEventsAreSkipped(t *testing.T) {
	s := newServer(t)
	o := write(t, s, "\ufeffat,in,out\r\n"+
		"2026-03-20 10:00:00.9799600,4808,10\r\n"+ // 2
		"2026-03-20T10:00:00+02:00, 1 ,0\r\n"+ // 3
		"2026-03-20T10:00:00Z,0,0\r\n"+
		"2026-03-20T10:00:00Z,-1,5\r\n"+
		"2026-03-20T10:00:00Z,1.5,5\r\n"+
		"2026-03-20T10:00:00Z,,5\r\n"+
		"2026-03-20T10:00:00Z,99999999999999999999,5\r\n"+
		"2026-03-20T10:00:00Z,1000000000001,5\r\n"+
		"2026-03-20T10:00:00Z,1000000000000,1\r\n"+ // 10
		"yesterday,1,1\r\n"+
		"0001-01-01 00:00:00,1,1\r\n"+
		"9999-12-31T23:59:59-10:00,1,1\r\n"+
		"2026-03-20T10:00:00Z,1\r\n"+
		"2026-03-20T10:00:00Z,\"1\"x,1\r\n"+ // 15
		"\r\n"+
		"\"2026-03-20T10:00:00Z\",\"1\r\n\",3\r\n"+ // 17, 18
		"2026-02-01T10:00:00Z,1,1\r\n"+ // 19: refused by the server
		"2026-03-20T10:00:00Z,1,\"4")
	o.Timestamp, o.IDPrefix = "at", "march"
	got, out := run(t, o)
	want := []Refusal{
		{5, `in must be an integer from 0, not "-1"`},
		{6, `in must be an integer from 0, not "1.5"`},
		{7, `in must be an integer from 0, not ""`},
		{8, `in must be an integer from 0, not "99999999999999999999"`},
		{9, "in must be at most 1000000000000"},
		{10, "tokens must be at most 1000000000000"},
		{11, `at must be a time like "2006-01-02T15:04:05Z", "2006-01-02 15:04:05" or "2006-01-02", ` +
			`or seconds since 1970, not "yesterday"`},
		{12, `at must be in 1970 to 9999, not "0001-01-01 00:00:00"`},
		{13, `at must be in 1970 to 9999, not "9999-12-31T23:59:59-10:00"`},
		{14, "has 2 fields, the header has 3"},
		{15, `is not CSV: extraneous or missing " in quoted-field`},
		{19, "timestamp must not be more than 35 days in the past"},
		{20, `is not CSV: extraneous or missing " in quoted-field`},
	}
	if !slices.Equal(got.Refusals, want) {
		t.Errorf("got  %+v\nwant %+v", got.Refusals, want)
	}
	if !slices.Equal(got.Skips, []Refusal{{16, "is empty"}}) {
		t.Errorf("skipped %+v", got.Skips)
	}
	if got.Accepted != 4 || got.Skipped != 1 || got.Refused != int64(len(want)) ||
		got.Rows != 5+int64(len(want)) || s.total() != 4818+1+4 {
		t.Errorf("got %+v and %d on the server", got, s.total())
	}
	if at := s.events["march-1"].Timestamp; !at.Equal(time.Date(2026, 3, 20, 10, 0, 0, 979960000,
		time.UTC)) {
		t.Errorf("row 1 is at %v", at)
	}
	if at := s.events["march-2"].Timestamp; !at.Equal(time.Date(2026, 3, 20, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("row 2 is at %v", at)
	}
	if !strings.Contains(out, "\nline 19: timestamp must not be more") {
		t.Errorf("got report\n%s", out)
	}
}

func TestServerRefusalsNameTheFirst20(t *testing.T) {
	s := newServer(t)
	text := "at,in,out\n" + strings.Repeat("2025-03-20 10:00:00,1,1\n2026-03-20 10:00:00,1,1\n", 30)
	o := write(t, s, text)
	o.Timestamp, o.Batch, o.JSON = "at", 16, true
	got, out := run(t, o)
	if got.Accepted != 30 || got.Refused != 30 || len(got.Refusals) != 20 ||
		got.Refusals[19].Line != 40 || s.total() != 60 {
		t.Errorf("got %+v and %d on the server", got, s.total())
	}
	var decoded Result
	err := json.Unmarshal([]byte(out), &decoded)
	if err != nil || decoded.Refused != 30 || strings.Count(out, "\n") != 1 {
		t.Errorf("got %v from %s", err, out)
	}
	o.JSON = false
	if _, out = run(t, o); !strings.Contains(out, "and 10 more refused rows\n") {
		t.Errorf("got report\n%s", out)
	}
}

func TestConflictingRowsAreDropped(t *testing.T) {
	s := newServer(t)
	o := write(t, s, "in,out\n1,1\n2,2\n3,3\n")
	o.IDPrefix = "march"
	run(t, o)
	changed := write(t, s, "in,out\n1,1\n2,9\n3,3\n4,4\n")
	changed.IDPrefix = "march"
	got, _ := run(t, changed)
	if got.Accepted != 1 || got.Duplicates != 2 ||
		!slices.Equal(got.Refusals, []Refusal{{3, "id was used for another event"}}) || s.total() != 20 {
		t.Errorf("got %+v and %d on the server", got, s.total())
	}
}

func TestTooLargeBatchIsSplit(t *testing.T) {
	s := newServer(t)
	s.maxBody = 1000 // about 7 events
	text, sum := numbered(40)
	got, _ := run(t, write(t, s, text))
	if got.Accepted != 40 || s.total() != sum {
		t.Errorf("got %+v and %d on the server, want %d", got, s.total(), sum)
	}
}

func TestWhatConcernsEveryRowEndsTheImport(t *testing.T) {
	for tenant, status := range map[string]int{"nobody": 404, "archived": 400} {
		t.Run(tenant, func(t *testing.T) {
			s := newServer(t)
			text, _ := numbered(30)
			o := write(t, s, text)
			o.Tenant, o.Batch = tenant, 10
			var out bytes.Buffer
			result, err := Run(t.Context(), o, &out, &bytes.Buffer{})
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != status || len(s.batches) != 1 {
				t.Errorf("got %v after %d requests", err, len(s.batches))
			}
			if result.Complete || !strings.HasPrefix(out.String(), "accepted                 0\n") {
				t.Errorf("got %+v and report\n%s", result, &out)
			}
		})
	}
}

func TestServerThatStaysAwayEndsTheImport(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(n int, w http.ResponseWriter) bool {
		if n == 5 {
			cancel()
		}
		if n > 0 {
			w.WriteHeader(503)
		}
		return n > 0
	}
	text, _ := numbered(30)
	o := write(t, s, text)
	o.Batch = 10
	var out, errs bytes.Buffer
	result, err := Run(ctx, o, &out, &errs)
	if !errors.Is(err, context.Canceled) || result.Accepted != 10 || result.Complete {
		t.Errorf("got %+v, %v", result, err)
	}
	if n := strings.Count(errs.String(), "trying again for up to 5m0s: server answered 503"); n != 1 {
		t.Errorf("got %d notes on stderr, want 1:\n%s", n, &errs)
	}
	s.before = nil
	if again, _ := run(t, o); again.Accepted != 20 || again.Duplicates != 10 {
		t.Errorf("run again: got %+v", again)
	}
}

func TestStandardInput(t *testing.T) {
	s := newServer(t)
	o := write(t, s, "")
	o.File, o.Stdin, o.IDPrefix = "-", strings.NewReader("in,out\n1,2\n"), "pipe"
	if got, _ := run(t, o); got.Accepted != 1 || s.events["pipe-1"].Tokens != 3 {
		t.Errorf("got %+v, %v", got, s.events)
	}
}

func TestProgressLines(t *testing.T) {
	s := newServer(t)
	text, _ := numbered(40)
	o := write(t, s, text)
	o.Batch = 10
	clock := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { clock = clock.Add(3 * time.Second); return clock }
	var errs bytes.Buffer
	if _, err := Run(t.Context(), o, &bytes.Buffer{}, &errs); err != nil {
		t.Fatal(err)
	}
	if want := "importing: 20 rows, 48 %\nimporting: 40 rows, 100 %\n"; errs.String() != want {
		t.Errorf("got %q, want %q", &errs, want)
	}
}

// Half a row, of a file that somebody is writing, is not taken for a whole one.
func TestARowThatIsStillBeingWritten(t *testing.T) {
	for _, tt := range []struct {
		text, more string
		refused    []Refusal
		total      int64
		whole      int64 // after another import
	}{
		{"in,out\n1,1\n2,2\n3,1", "5\n",
			[]Refusal{{4, "was still being written when it was read"}}, 6, 24},
		{"\ufeffin,out\n1,1\n3,1", "5\n",
			[]Refusal{{3, "was still being written when it was read"}}, 2, 20},
		{"in,out\n1,1\n2,2\n", "3,15\n", []Refusal{}, 6, 24},
		{"in,out\n1,1\n3,1", "", []Refusal{}, 6, 6},
	} {
		s := newServer(t)
		o := write(t, s, tt.text)
		o.Batch = 1
		s.before = func(n int, _ http.ResponseWriter) bool {
			if n == 0 {
				f, err := os.OpenFile(o.File, os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					_, err = f.WriteString(tt.more)
				}
				if err := errors.Join(err, f.Close()); err != nil {
					t.Error(err)
				}
			}
			return false
		}
		if got, _ := run(t, o); !slices.Equal(got.Refusals, tt.refused) || s.total() != tt.total {
			t.Errorf("%q and then %q: got %+v and %d tokens", tt.text, tt.more, got, s.total())
		}
		s.before = nil
		if run(t, o); s.total() != tt.whole {
			t.Errorf("%q as a whole: %d tokens, want %d", tt.text+tt.more, s.total(), tt.whole)
		}
	}
}
