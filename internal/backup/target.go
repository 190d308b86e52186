package backup

import (
	"context"
	"io"
	"time"
)

// Target is where backups are kept. Names are those of [isName] with a suffix.
type Target interface {
	// Put stores all of r under name, or nothing if r or the target fails.
	Put(ctx context.Context, name string, r io.Reader) error
	// Open reads what Put has stored. The error is ErrNone if there is nothing.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// List returns everything there, by name.
	List(ctx context.Context) ([]File, error)
	// Delete removes what Put has stored. What is not there is no error.
	Delete(ctx context.Context, name string) error
	// String names the target for people, without a secret.
	String() string
}

// File is an object of a target.
type File struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}
