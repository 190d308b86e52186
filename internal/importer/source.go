package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// source is the input, at its first byte, and what is known about it.
type source struct {
	io.Reader
	io.Closer
	size   int64  // bytes; -1 if unknown
	prefix string // of the event ids
}

// openSource opens the file and, unless a prefix is given, reads it once for its hash.
func openSource(ctx context.Context, o Options) (*source, error) {
	if o.File == "-" {
		return &source{o.Stdin, io.NopCloser(o.Stdin), -1, o.IDPrefix}, nil
	}
	f, err := os.Open(o.File)
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	s, err := sourceOf(ctx, f, o.IDPrefix)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func sourceOf(ctx context.Context, f *os.File, prefix string) (*source, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("look at file: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory", f.Name())
	case info.Mode().IsRegular() && prefix != "":
		return &source{f, f, info.Size(), prefix}, nil
	case info.Mode().IsRegular():
	case prefix == "":
		return nil, fmt.Errorf("%s is not a regular file and needs an id prefix (--id-prefix): its content cannot be read twice to derive one", f.Name())
	default:
		return &source{f, f, -1, prefix}, nil
	}
	hash := sha256.New()
	size, err := io.Copy(hash, &limited{ctx: ctx, r: f, left: math.MaxInt})
	if err != nil {
		return nil, fmt.Errorf("hash file: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("rewind file: %w", err)
	}
	// 128 bits of the hash: no two files meet in it, and ids stay short to store.
	prefix = "csv-" + hex.EncodeToString(hash.Sum(nil)[:16])
	// A file that grows meanwhile is read as far as it was hashed.
	return &source{io.LimitReader(f, size), f, size, prefix}, nil
}
