package importer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// peekSize is how much of an input is looked at before it is read. A header is longer than
// that only by mistake.
const peekSize = 64 << 10

// text is an input as UTF-8 with line feeds, and how it was made so.
type text struct {
	*bufio.Reader
	first []byte   // the header line, and what else was at hand
	found []string // what it is besides plain UTF-8, in words
	mark  int64    // bytes of the byte order mark of UTF-8
}

// readText recognises compression, encoding and line ends, in this order.
func readText(r io.Reader) (*text, error) {
	t := &text{Reader: bufio.NewReaderSize(r, peekSize)}
	for _, step := range []func() error{t.unpack, t.decode, t.breakLines} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	var err error
	t.first, err = t.peekLine()
	return t, err
}

// replace goes on with what a step has made of the input.
func (t *text) replace(r io.Reader, found string) {
	t.Reader = bufio.NewReaderSize(r, peekSize)
	t.found = append(t.found, found)
}

// packed are formats of compression by their first bytes, and the program that unpacks those
// which are not unpacked here.
var packed = []struct{ magic, name, program string }{
	{"\x1f\x8b", "gzip", ""},
	{"BZh", "bzip2", ""},
	{"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"},
	{"\xfd7zXZ\x00", "xz", "xz -dc"},
	{"PK\x03\x04", "a zip file or a workbook", ""},
	{"\xd0\xcf\x11\xe0", "an old workbook", ""},
}

func (t *text) unpack() error {
	head, err := t.peek(6)
	if err != nil {
		return err
	}
	for _, p := range packed {
		switch {
		case !bytes.HasPrefix(head, []byte(p.magic)):
		case p.name == "gzip":
			z, err := gzip.NewReader(t.Reader)
			if err != nil {
				return fmt.Errorf("unpack gzip: %w", err)
			}
			t.replace(z, p.name)
			return nil
		case p.name == "bzip2":
			t.replace(bzip2.NewReader(t.Reader), p.name)
			return nil
		case p.program != "":
			return fmt.Errorf("the input is packed with %s, which is not read here: "+
				"unpack it with `%s FILE | flagmeter import -`", p.name, p.program)
		default:
			return fmt.Errorf("the input is %s: save the sheet as CSV", p.name)
		}
	}
	return nil
}

// decode makes UTF-8 of the input and takes a byte order mark away.
func (t *text) decode() error {
	head, err := t.peek(4)
	if err != nil {
		return err
	}
	as := func(e encoding.Encoding, name string) error {
		t.replace(e.NewDecoder().Reader(t.Reader), name)
		return nil
	}
	const little, big = unicode.LittleEndian, unicode.BigEndian
	zero := func(at ...int) bool { // whether exactly these of four bytes are 0
		if len(head) < 4 {
			return false
		}
		zeros := 0
		for _, i := range at {
			if head[i] == 0 {
				zeros++
			}
		}
		return zeros == len(at) && bytes.Count(head, []byte{0}) == zeros
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		n, err := t.Discard(3) // spreadsheets start UTF-8 files with it
		t.mark = int64(n)
		return err
	case string(head) == "\xff\xfe\x00\x00", string(head) == "\x00\x00\xfe\xff":
		return as(utf32.UTF32(utf32.BigEndian, utf32.ExpectBOM), "UTF-32")
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return as(unicode.UTF16(big, unicode.ExpectBOM), "UTF-16")
	case zero(1, 3):
		return as(unicode.UTF16(little, unicode.IgnoreBOM), "UTF-16")
	case zero(0, 2):
		return as(unicode.UTF16(big, unicode.IgnoreBOM), "UTF-16")
	}
	line, err := t.peekLine()
	if err != nil {
		return err
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return errors.New("the input is no text: its first line has zero bytes")
	}
	if !validPart(line) {
		return as(charmap.Windows1252, "Windows-1252")
	}
	return nil
}

// validPart reports whether text is UTF-8 that may break off within a character.
func validPart(text []byte) bool {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(text)
		}
		text = text[n:]
	}
	return true
}

// breakLines makes line feeds of carriage returns if the first line ends with one alone.
func (t *text) breakLines() error {
	line, err := t.peekLine()
	if err != nil {
		return err
	}
	at := lineEnd(line)
	if at >= 0 && line[at] == '\r' && at+1 < len(line) && line[at+1] != '\n' {
		t.replace(returns{t.Reader}, "CR line ends")
	}
	return nil
}

// returns reads carriage returns as line feeds.
type returns struct{ r io.Reader }

func (r returns) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// peek is up to n bytes from the front, fewer only at the end of the input.
func (t *text) peek(n int) ([]byte, error) {
	head, err := t.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("read the first line: %w", err)
	}
	return head, nil
}

// peekLine is the front of the input up to the end of the first line at least, as far as
// peekSize and the input allow. It waits for no more than that, so that a slow pipe is read
// as it comes.
func (t *text) peekLine() ([]byte, error) {
	for n := 1; ; n = t.Buffered() + 1 {
		line, err := t.peek(n)
		if err != nil || len(line) < n {
			return line, err
		}
		line, err = t.peek(t.Buffered())
		at := lineEnd(line)
		// What follows a carriage return tells what it is.
		whole := at >= 0 && (line[at] == '\n' || at+1 < len(line))
		if err != nil || whole || len(line) == peekSize {
			return line, err
		}
	}
}

// lineEnd is the place of the first line feed or carriage return outside of quotes, or -1.
func lineEnd(text []byte) int {
	quoted := false
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case (c == '\n' || c == '\r') && !quoted:
			return i
		}
	}
	return -1
}
