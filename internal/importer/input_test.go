package importer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestUnusableInputIsRefusedBeforeAnythingIsPosted(t *testing.T) {
	tests := []struct {
		name   string
		text   string
		change func(*Options)
		want   string
	}{
		{"unknown column", "a,b\n1,2\n", func(o *Options) {
			o.Tokens = "a+c"
		}, `no column "c"; the file has "a", "b"`},
		{"unknown timestamp", "in,out\n1,2\n", func(o *Options) { o.Timestamp = "at" },
			`no column "at"; the file has "in", "out"`},
		{"column twice in the header", "in,in,out\n1,2,3\n", nil, `more than one column is called "in"`},
		{"column named twice", "in,out\n1,2\n", func(o *Options) { o.Tokens = "in+in" },
			`column "in" is named twice`},
		{"empty file", "", nil, "the file is empty"},
		{"broken header", "in,\"out\n", nil, "read header"},
		{"no tenant", "in,out\n", func(o *Options) { o.Tenant = "" }, "tenant must not be empty"},
		{"control character", "in,out\n", func(o *Options) {
			o.Feature = "a\tb"
		}, "feature must not contain control characters"},
		{"no tokens", "in,out\n", func(o *Options) { o.Tokens = "" }, "tokens must name a column"},
		{"long prefix", "in,out\n", func(o *Options) { o.IDPrefix = strings.Repeat("é", 109) },
			"id prefix must have at most 108 characters"},
		{"batch too large", "in,out\n", func(o *Options) {
			o.Batch = 10_001
		}, "batch must be from 1 to 10000"},
		{"batch below 1", "in,out\n", func(o *Options) { o.Batch = -1 }, "batch must be from 1 to 10000"},
		{"prefix and column", "in,out\n", func(o *Options) { o.IDPrefix, o.ID = "p", "in" },
			"exclude each other"},
		{"prefix and source", "in,out\n", func(o *Options) { o.IDPrefix, o.Source = "p", "s" },
			"exclude each other"},
		{"column and source", "in,out\n", func(o *Options) { o.ID, o.Source = "in", "s" },
			"exclude each other"},
		{"unknown id column", "in,out\n", func(o *Options) { o.ID = "request" }, `no column "request"`},
		{"unknown zone", "in,out\n", func(o *Options) {
			o.Zone = "Berlin"
		}, `zone must be an IANA time zone such as Europe/Berlin, not "Berlin"`},
		{"zone of this machine", "in,out\n", func(o *Options) { o.Zone = "Local" }, `not "Local"`},
		{"no such file", "", func(o *Options) { o.File = "/nonexistent/x.csv" }, "no such file"},
		{"directory", "", func(o *Options) { o.File = t.TempDir() }, "is a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			o := write(t, s, tt.text)
			if tt.change != nil {
				tt.change(&o)
			}
			var out bytes.Buffer
			_, err := Run(t.Context(), o, &out, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if len(s.batches) != 0 || out.Len() != 0 {
				t.Errorf("posted %v, reported %q", s.batches, &out)
			}
		})
	}
}

// inOut are options for rows of two columns.
var inOut = Options{Tokens: "in+out", location: time.UTC}

func TestColumnNameWithAPlus(t *testing.T) {
	c, err := findColumns([]string{"in+out", "in", "out"}, Options{Tokens: "in+out"})
	if err != nil || len(c.tokens) != 1 || c.tokens[0] != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

// An open quote must not pull the rest of a large file into memory, however many good
// rows come before it.
func TestEndlessRowIsAnError(t *testing.T) {
	good := strings.Repeat("1,2\n", 2*maxRow/4)
	endless := io.MultiReader(strings.NewReader("in,out\n"+good+"1,\""), zeros{})
	rs, err := newRows(t.Context(), &source{Reader: endless}, inOut)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = rs.next()
	}
	if rs.read != 2*maxRow/4 || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("got %v after %d rows", err, rs.read)
	}
}

func TestReadingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rs, err := newRows(ctx,
		&source{Reader: strings.NewReader("in,out\n" + strings.Repeat("1,2\n", 100_000))}, inOut)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, err = rs.next()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after %d rows", err, rs.read)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 18_000_123: "18,000,123",
	} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestNotesDoNotNeedATerminal(t *testing.T) {
	var w bytes.Buffer
	p := newProgress(&w, -1, time.Now)
	p.note("n is %d", 3)
	p.done()
	if w.String() != "n is 3\n" {
		t.Errorf("got %q", &w)
	}
}

// zeros is a file without an end and without a line break.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}
