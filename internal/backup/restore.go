package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

var (
	// ErrChecksum reports a dump that is not what was written.
	ErrChecksum = errors.New("the dump is damaged: choose another backup")
	// ErrNotEmpty reports a database that a backup cannot be restored into.
	ErrNotEmpty = errors.New("the database is not empty: create a new one")
)

// Restore brings a backup into the empty database at databaseURL, which belongs to whoever the
// address names, and compares the two. Nothing is left in the database if the dump is damaged or
// pg_restore fails, nor looked at if it is not signed as trust asks. Rights of roles are not
// restored: `flagmeter migrate` grants them.
func Restore(ctx context.Context, t Target, m Manifest, trust Trust, databaseURL string) error {
	if err := trust.Check(ctx, t, m); err != nil {
		return err
	}
	dump, err := fetch(ctx, t, m, trust.Signed())
	if err != nil {
		return err
	}
	defer dump.Close()
	db, err := store.Open(databaseURL, 1, 0)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := wantEmpty(ctx, db, major(m.Postgres)); err != nil {
		return err
	}
	if err := restore(ctx, dump, m, databaseURL); err != nil {
		return err
	}
	sums, err := readSums(ctx, db, m.Sums.amounts())
	if err != nil {
		return err
	}
	return m.Sums.differ(sums)
}

// fetch makes sure of a dump and returns it, to be read from its beginning. It is gone when it
// is closed, unless the target is a directory that is trusted: who can write there could change
// a file after it was compared, so a signed one is copied.
func fetch(ctx context.Context, t Target, m Manifest, copied bool) (*os.File, error) {
	r, err := t.Open(ctx, m.Name+dumpSuffix)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	f, local := r.(*os.File)
	local = local && !copied
	var size int64
	if local {
		size, err = io.Copy(sum, f)
	} else {
		defer r.Close()
		if f, err = os.CreateTemp("", "flagmeter-restore-*"); err != nil {
			return nil, fmt.Errorf("fetch dump: %w", err)
		}
		_ = os.Remove(f.Name()) // it lives as long as it is open
		size, err = io.Copy(io.MultiWriter(f, sum), r)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil && (size != m.Size || hex.EncodeToString(sum.Sum(nil)) != m.SHA256) {
		err = fmt.Errorf("%w: its SHA-256 or its size is not what the manifest of %s says",
			ErrChecksum, m.Name)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read dump: %w", err)
	}
	return f, nil
}

// wantEmpty refuses a database in whose schema public there is anything, or whose server is of a
// major version before the one given.
func wantEmpty(ctx context.Context, db *sqlx.DB, version int) error {
	var relations, server int
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int / 10000,
		(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)`).Scan(&server,
		&relations)
	switch {
	case err != nil:
		return fmt.Errorf("look into the database: %w", err)
	case server < version:
		return fmt.Errorf("the server is Postgres %d, the backup was made of %d: restore it into %d"+
			" or newer", server, version, version)
	case relations > 0:
		return ErrNotEmpty
	}
	return nil
}

// restore runs pg_restore, all or nothing.
func restore(ctx context.Context, dump *os.File, m Manifest, databaseURL string) error {
	path, err := find(ctx, pgRestore, major(m.Postgres))
	if err != nil {
		return err
	}
	address, environ, err := connection(databaseURL)
	if err != nil {
		return err
	}
	var said tail
	cmd := exec.CommandContext(ctx, path, "--single-transaction", "--exit-on-error", "--no-owner",
		"--no-privileges", "--no-password", "--dbname="+address)
	cmd.Env, cmd.Stdin, cmd.Stderr = environ, dump, &said
	if err := cmd.Run(); err != nil {
		return said.failure(pgRestore, err)
	}
	return nil
}

// major is the major version of Postgres in "18.1 (Debian 18.1-1)".
func major(version string) int {
	n, _ := strconv.Atoi(number.FindString(version))
	return n
}
