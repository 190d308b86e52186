package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// directory is a target in a file system. Its files are for their owner alone: a dump holds the
// hashes of API keys and the secrets of webhooks.
type directory struct{ path string }

func (d directory) String() string { return d.path }

// Put writes under another name until all is on disk. It makes the directory if there is none:
// whoever only looks must not, or a path with a mistake in it would look like one without backups.
func (d directory) Put(_ context.Context, name string, r io.Reader) error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return fmt.Errorf("make the directory of backups: %w", err)
	}
	f, err := os.CreateTemp(d.path, unfinished+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name()) // is gone after the rename
	_, err = io.Copy(f, r)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(d.path, name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return d.sync()
}

// sync brings names to disk.
func (d directory) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return fmt.Errorf("sync the directory of backups: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync the directory of backups: %w", err)
	}
	return nil
}

func (d directory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(d.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not in %s", ErrNone, name, d.path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return f, nil
}

func (d directory) List(context.Context) ([]File, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	var files []File
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("list backups: %w", err)
		}
		if info.Mode().IsRegular() {
			files = append(files, File{e.Name(), info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files, nil
}

func (d directory) Delete(_ context.Context, name string) error {
	err := os.Remove(filepath.Join(d.path, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}
