package importer

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// A file is the same rows, with the same ids, in whatever form it comes.
func TestFormsOfAFile(t *testing.T) {
	const text = "\"größe\",\"in\",\"out\"\n\"ä, b\",1,2\n\"c\",3,4\n"
	encoded := func(e encoding.Encoding, text string) string {
		s, err := e.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	zipped := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		io.WriteString(z, text)
		z.Close()
		return b.String()
	}
	separated := func(by string) string {
		return strings.NewReplacer("ä, b", "ä, b", ",", by).Replace(text)
	}
	utf16 := func(order unicode.Endianness, bom unicode.BOMPolicy) encoding.Encoding {
		return unicode.UTF16(order, bom)
	}
	const crs = "CR line ends"
	s := newServer(t)
	for _, tt := range []struct {
		name, text string
		found      []string
	}{
		{"plain", text, nil},
		{"BOM", "\ufeff" + text, nil},
		{"CRLF", strings.ReplaceAll(text, "\n", "\r\n"), nil},
		{"CR", strings.ReplaceAll(text, "\n", "\r"), []string{crs}},
		{"CR and a BOM", "\ufeff" + strings.ReplaceAll(text, "\n", "\r"), []string{crs}},
		{"UTF-16 LE", encoded(utf16(unicode.LittleEndian, unicode.UseBOM), text), []string{"UTF-16"}},
		{"UTF-16 BE", encoded(utf16(unicode.BigEndian, unicode.UseBOM), text), []string{"UTF-16"}},
		{"UTF-16 LE without BOM", encoded(utf16(unicode.LittleEndian, unicode.IgnoreBOM), text),
			[]string{"UTF-16"}},
		{"UTF-16 BE without BOM", encoded(utf16(unicode.BigEndian, unicode.IgnoreBOM), text),
			[]string{"UTF-16"}},
		{"UTF-32", encoded(utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), text), []string{"UTF-32"}},
		{"Windows-1252", encoded(charmap.Windows1252, text), []string{"Windows-1252"}},
		{"gzip", zipped(text), []string{"gzip"}},
		{"all at once", zipped(encoded(utf16(unicode.LittleEndian, unicode.UseBOM),
			strings.ReplaceAll(separated("\t"), "\n", "\r"))),
			[]string{"gzip", "UTF-16", crs, "separated by tabs"}},
		{"semicolons", separated(";"), []string{"separated by semicolons"}},
		{"bars", separated("|"), []string{"separated by bars"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(s.events)
			o := write(t, s, tt.text)
			var out, errs bytes.Buffer
			got, err := Run(t.Context(), o, &out, &errs)
			if err != nil || got.Accepted+got.Duplicates != 2 || got.Tokens != 10 ||
				before > 0 && len(s.events) != before {
				t.Fatalf("got %+v, %v; %d ids after %d", got, err, len(s.events), before)
			}
			if !slices.Equal(got.Input, append([]string{}, tt.found...)) {
				t.Errorf("the report says %q", got.Input)
			}
			if len(tt.found) > 0 &&
				!strings.HasPrefix(errs.String(), "the input is "+strings.Join(tt.found, ", ")) {
				t.Errorf("it says %q", &errs)
			}
		})
	}
}

func TestWhatIsNoTextIsNamed(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"zstd": {"\x28\xb5\x2f\xfd\x24", "packed with zstd, which is not read here: unpack it with" +
			" `zstd -dc FILE | flagmeter import -`"},
		"workbook": {"PK\x03\x04\x14\x00",
			"the input is a zip file or a workbook: save the sheet as CSV"},
		"binary":   {"\x7fELF\x02\x01\x01\x00\n", "the input is no text"},
		"bad gzip": {"\x1f\x8b\x00\x00\x00\x00\x00\x00\x00\x00\x00", "unpack gzip: gzip: invalid header"},
		"blank":    {"\n\n", "the file has empty lines only"},
		"a BOM":    {"\ufeff", "the file is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			_, err := Run(t.Context(), write(t, s, tt.text), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// What is missing of a compressed file is not taken for its end.
func TestTruncatedGzip(t *testing.T) {
	s := newServer(t)
	text, _ := numbered(20_000)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	o := write(t, s, b.String()[:b.Len()/2])
	got, err := Run(t.Context(), o, io.Discard, io.Discard)
	if err == nil || got.Complete || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// An error names the columns, and does not repeat the file.
func TestAnErrorDoesNotPrintTheFile(t *testing.T) {
	s := newServer(t)
	for name, text := range map[string]string{
		"CR":        strings.ReplaceAll("a,b\n"+strings.Repeat("1,2\n", 5000), "\n", "\r"),
		"one line":  strings.Repeat("1,2,", 5000),
		"long name": strings.Repeat("x", 5000) + "\n",
	} {
		_, err := Run(t.Context(), write(t, s, text), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "the file has ") || len(err.Error()) > 600 {
			t.Errorf("%s: got %.1000v", name, err)
		}
	}
}

// A header that comes alone is read at once: whoever writes the other end of a pipe may wait
// for a sign of life.
func TestASlowPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	io.WriteString(w, "in,out\n")
	rs, err := newRows(t.Context(), &source{Reader: r}, inOut)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "1,2\n")
	w.Close()
	if got, err := rs.next(); err != nil || got.tokens != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
}
