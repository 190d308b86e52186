package importer

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// source is the input, at its first byte, and what is known about it.
type source struct {
	io.Reader
	io.Closer
	file *os.File // nil if it is no regular file
	size int64    // bytes; -1 if unknown
	read int64    // bytes so far
	last byte     // of them
}

// openSource opens the file of the options.
func openSource(o Options) (*source, error) {
	if o.File == "-" {
		return &source{Reader: o.Stdin, Closer: io.NopCloser(o.Stdin), size: -1}, nil
	}
	f, err := os.Open(o.File)
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("look at file: %w", err), f.Close())
	case info.IsDir():
		return nil, errors.Join(fmt.Errorf("%s is a directory", f.Name()), f.Close())
	case info.Mode().IsRegular():
		// A file that grows meanwhile is read as far as it was.
		size := info.Size()
		return &source{Reader: io.LimitReader(f, size), Closer: f, file: f, size: size}, nil
	}
	return &source{Reader: f, Closer: f, size: -1}, nil
}

// Read counts the bytes.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if s.read += int64(n); n > 0 {
		s.last = p[n-1]
	}
	return n, err
}

// unfinished reports whether the file ended within a line when it was opened, and has been
// written to since: then the line may be half of one.
func (s *source) unfinished() bool {
	if s.file == nil || s.read < s.size || s.last == '\n' {
		return false
	}
	info, err := s.file.Stat()
	return err == nil && info.Size() > s.size
}
