package backup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// newFakeBucket is a bucket of a server in this process.
func newFakeBucket(t *testing.T) Target {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("backups"); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(srv.Close)
	s := S3{Endpoint: srv.URL, Region: "us-east-1", AccessKey: "key", SecretKey: "secret"}
	if _, err := Open(t.Context(), "s3://nowhere", s); err == nil {
		t.Error("a bucket that does not exist is taken")
	}
	target, err := Open(t.Context(), "s3://backups/flagmeter", s)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// Both kinds of target do the same.
func TestTargets(t *testing.T) {
	dir, err := Open(t.Context(), filepath.Join(t.TempDir(), "new", "directory"), S3{})
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, partSize+12345)
	_, _ = rand.Read(large) // never fails
	for what, target := range map[string]Target{"directory": dir, "bucket": newFakeBucket(t)} {
		t.Run(what, func(t *testing.T) {
			ctx := t.Context()
			if err := errors.Join(target.Put(ctx, "b", bytes.NewReader(large)),
				target.Put(ctx, "a", bytes.NewReader([]byte("a")))); err != nil {
				t.Fatal(err)
			}
			cut := io.MultiReader(bytes.NewReader(large), iotest.ErrReader(io.ErrUnexpectedEOF))
			if err := target.Put(ctx, "cut", cut); err == nil {
				t.Error("an upload that breaks off is taken")
			}
			if err := target.Put(ctx, "small", iotest.ErrReader(io.ErrUnexpectedEOF)); err == nil {
				t.Error("a small upload that breaks off is taken")
			}
			files, err := target.List(ctx)
			if err != nil || len(files) != 2 || files[0].Name != "a" || files[1].Size != int64(len(large)) ||
				time.Since(files[1].Modified) > time.Minute {
				t.Errorf("%+v, %v", files, err)
			}
			r, err := target.Open(ctx, "b")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, large) {
				t.Errorf("%d bytes come back, %v", len(got), err)
			}
			if err := errors.Join(target.Delete(ctx, "b"), target.Delete(ctx, "b")); err != nil {
				t.Error(err)
			}
			if _, err := target.Open(ctx, "b"); !errors.Is(err, ErrNone) {
				t.Errorf("open what was deleted: %v", err)
			}
		})
	}
}

func TestABackupComesBackFromABucket(t *testing.T) {
	env, target := filled(t), newFakeBucket(t)
	m := makeOne(t, env, target)
	if err := Restore(t.Context(), target, m, Trust{}, empty(t, env)); err != nil {
		t.Fatal(err)
	}
	m.SHA256 = m.SHA256[1:] + "0"
	if err := Restore(t.Context(), target, m, Trust{}, empty(t, env)); !errors.Is(err, ErrChecksum) {
		t.Errorf("another digest: %v", err)
	}
}
