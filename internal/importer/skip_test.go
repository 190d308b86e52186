package importer

import (
	"slices"
	"strings"
	"testing"
)

func TestRowsThatAreNoEventsAreNamed(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		tokens     int64 // counted
		accepted   int64
		want       []Refusal // skipped
	}{
		{"no tokens", "model,in,out\na,0,0\nb,0,0\nb,0,0\n", 0, 3, nil},
		{"empty rows", "model,in,out\na,1,2\n,,\n  , ,\nb,3,4\n,,,,\n", 10,
			2, []Refusal{{3, "is empty"}, {4, "is empty"}, {6, "is empty"}}},
		{"empty lines", "model,in,out\n\na,1,2\n\n\n\nb,3,4\n\n", 10, 2,
			[]Refusal{{2, "is empty"}, {4, "is empty, and so are the 2 after it"}}},
		{"a total", "model,in,out\na,1,2\nb,3,4\nTotal,4,6\n", 10, 2, []Refusal{{4, "is a totals row"}}},
		{"a total with a colon", "model,in,out\na,1,2\nGrand total:,1,2\n", 3, 1,
			[]Refusal{{3, "is a totals row"}}},
		{"a total in another language", "model,in,out\na,1,2\nSumme,1,2\n总计,1,2\n", 3, 1,
			[]Refusal{{3, "is a totals row"}, {4, "is a totals row"}}},
		{"a total beside figures", "model,calls,cost,in,out\na,1,0.50,1,2\nTotal" +
			" (USD),2,\"$1,000.50\",1,2\n", 3, 1, []Refusal{{3, "is a totals row"}}},
		{"subtotals",
			"model,in,out\na,1,2\nSubtotal,1,2\nb,3,4\nSub-total,3,4\nTotal tokens,4,6\n", 10, 2,
			[]Refusal{{3, "is a totals row"}, {5, "is a totals row"}, {6, "is a totals row"}}},
		{"a sum without a name", "model,in,out\na,1,2\nb,3,4\n,4,6\n", 10, 2,
			[]Refusal{{4, "is the sum of the rows above"}}},
		{"no sum", "model,in,out\na,1,2\nb,3,4\n,4,7\n", 21, 3, nil},
		{"a sum by chance, in a file with nothing else", "in,out\n1,2\n3,4\n4,6\n", 20, 3, nil},
		{"a model called total-1", "model,in,out\ntotal-1,1,2\ntotally,1,2\n", 6, 2, nil},
		{"a model called total, of a user", "model,user,in,out\ntotal,bob,1,2\n", 3, 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			got, out := run(t, write(t, s, tt.text))
			var skipped int64
			for _, skip := range tt.want {
				skipped++
				if strings.HasSuffix(skip.Reason, "the 2 after it") {
					skipped += 2
				}
				if !strings.Contains(out, ": skipped, it "+skip.Reason+"\n") {
					t.Errorf("the report does not name %+v:\n%s", skip, out)
				}
			}
			if !slices.Equal(got.Skips, append([]Refusal{}, tt.want...)) || got.Skipped != skipped {
				t.Errorf("skipped %d: %+v, want %+v", got.Skipped, got.Skips, tt.want)
			}
			if got.Accepted != tt.accepted || got.Refused != 0 || s.total() != tt.tokens ||
				got.Rows != got.Accepted+got.Skipped {
				t.Errorf("got %+v and %d tokens", got, s.total())
			}
		})
	}
}

// With a time, a row of a model that is called Total is one; without, it is none.
func TestATotalsRowHasNoTime(t *testing.T) {
	s := newServer(t)
	o := write(t, s,
		"at,model,in,out\n2026-03-20,a,1,2\n2026-03-20,Total,3,4\n,Total,4,6\nTotal,,4,6\n,,4,6\n")
	o.Timestamp = "at"
	got, _ := run(t, o)
	want := []Refusal{{4, "is a totals row"}, {5, "is a totals row"},
		{6, "is the sum of the rows above"}}
	if got.Accepted != 2 || s.total() != 10 || !slices.Equal(got.Skips, want) {
		t.Errorf("got %+v and %d tokens", got, s.total())
	}
}
