package importer

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// lined is a file whose row n is in line n, but for those given.
func lined(last int, instead map[int]string) string {
	var b strings.Builder
	b.WriteString("model,in,out\n")
	for n := 2; n <= last; n++ {
		if text, ok := instead[n]; ok {
			fmt.Fprintln(&b, text)
		} else {
			fmt.Fprintf(&b, "m,%d,1\n", n)
		}
	}
	return b.String()
}

func TestAnOpenQuoteIsNamedWithWhatItSwallows(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []Refusal
		unread     int64
		accepted   int64
	}{
		{"to the end", lined(501, map[int]string{4: `"m,4,1`}),
			[]Refusal{{4, "a quote is left open; lines 4 to 501 were not read"}}, 498, 2},
		{"in the last cell", lined(10, map[int]string{4: `m,4,"1`}),
			[]Refusal{{4, "a quote is left open; lines 4 to 10 were not read"}}, 7, 2},
		{"to the next quote", lined(10, map[int]string{4: `"m,4,1`, 7: `"m",7,1`}),
			[]Refusal{{4, "a quote is left open; lines 4 to 7 were not read"}}, 4, 5},
		{"behind a cell of two lines", lined(10, map[int]string{4: "\"m\nn\",\"4,1"}),
			[]Refusal{{5, "a quote is left open; lines 4 to 11 were not read"}}, 8, 2},
		{"closed by chance, with other cells", lined(10, map[int]string{4: `"m,4,1`, 7: `m",7`}),
			[]Refusal{{4, "has 2 fields, the header has 3 (lines 4 to 7 are one row, by its quotes)"}},
			0, 5},
		{"closed by chance, with another count", lined(10, map[int]string{4: `m,"4,1`, 7: `m",7`}),
			[]Refusal{{4, `in must be an integer from 0, not "4,1\nm,5,1\nm,6,1\nm" ` +
				`(lines 4 to 7 are one row, by its quotes)`}}, 0, 5},
		{"within a line", lined(10, map[int]string{4: `"m"x,4,1`}),
			[]Refusal{{4, `is not CSV: extraneous or missing " in quoted-field`}}, 0, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			got, _ := run(t, write(t, s, tt.text))
			if !slices.Equal(got.Refusals, tt.want) || got.UnreadLines != tt.unread ||
				got.Accepted != tt.accepted {
				t.Errorf("got %+v\nwant %+v", got, tt)
			}
		})
	}
}

// Two open quotes make one good row of several. It may be a text of several lines as well.
func TestACellThatHoldsRowsIsNoted(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want string
	}{
		"rows": {lined(10, map[int]string{4: `"m,4,1`, 7: `m",7,1`}),
			"lines 4 to 7 are one row by its quotes"},
		"two rows": {lined(10, map[int]string{4: `"m,4,1`, 5: `m",7,1`}),
			"lines 4 to 5 are one row by its quotes"},
		"a text": {lined(10, map[int]string{4: "\"Dear all,\nonce, again, 5 things\n\",4,1"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			got, _ := run(t, write(t, s, tt.text))
			notes := strings.Join(got.Notes, "\n")
			if (tt.want == "") != (notes == "") || !strings.Contains(notes, tt.want) {
				t.Errorf("got notes %q, want %q", got.Notes, tt.want)
			}
		})
	}
}

func TestAnOpenQuoteOfAMebibyteNamesItsLine(t *testing.T) {
	s := newServer(t)
	text := lined(50, map[int]string{40: `"m,1,2`}) + strings.Repeat("m,1,2\n", maxRow/3)
	var out bytes.Buffer
	_, err := Run(t.Context(), write(t, s, text), &out, io.Discard)
	want := "line 40: row is longer than 1048576 bytes: is a quote left open? Line 40 and all after" +
		" it were not read"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}
