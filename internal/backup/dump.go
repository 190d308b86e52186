package backup

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os/exec"
	"regexp"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// nameLayout is the time in UTC that is a backup's name, to the millisecond.
const nameLayout = "20060102T150405.000Z"

var isName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}\.[0-9]{3}Z$`)

// Source is the database that backups are made of.
type Source struct {
	// URL is its address, with the password; whoever it names must be able to read all tables.
	URL string
	// Program is the version of flagmeter.
	Program string
	// Signer signs; nil: the backups are not signed.
	Signer *Signer
}

// Make makes a backup of the database in t. It changes nothing in the database and holds up
// nobody but who wants to change the schema. One at a time is enough; two do no harm.
func (s Source) Make(ctx context.Context, t Target) (m Manifest, err error) {
	db, err := store.Open(s.URL, 1, 0)
	if err != nil {
		return m, err
	}
	defer db.Close()
	tx, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return m, fmt.Errorf("begin snapshot: %w", err)
	}
	defer tx.Rollback() // nothing was written
	began := time.Now()
	m, snapshot, err := s.describe(ctx, tx) // step 1
	if err != nil {
		return m, err
	}
	dump, err := s.dump(ctx, snapshot, m.Postgres) // step 2
	if err != nil {
		return m, err
	}
	defer dump.Close()
	if err := t.Put(ctx, m.Name+dumpSuffix, dump); err != nil {
		return m, err
	}
	m.Size, m.SHA256 = dump.size, hex.EncodeToString(dump.sum.Sum(nil))
	m.Seconds = time.Since(began).Seconds()
	return m, m.write(ctx, t, s.Signer) // step 3
}

// note tells the database of a backup that has succeeded, for whoever watches the flusher.
func (s Source) note(ctx context.Context, m Manifest) error {
	db, err := store.Open(s.URL, 1, 0)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `INSERT INTO last_backup AS b (name, taken_at, bytes)
		VALUES ($1, $2, $3)
		ON CONFLICT (one) DO UPDATE SET name = excluded.name, taken_at = excluded.taken_at,
			bytes = excluded.bytes WHERE b.taken_at < excluded.taken_at`,
		m.Name, m.Taken, m.Size)
	if err != nil {
		return fmt.Errorf("note the backup: %w", err)
	}
	return nil
}

// describe exports the transaction's snapshot and fills in what can be told of it.
func (s Source) describe(
	ctx context.Context, tx *sqlx.Tx,
) (m Manifest, snapshot string, err error) {
	row := tx.QueryRowxContext(ctx,
		"SELECT pg_export_snapshot(), clock_timestamp(), current_setting('server_version')")
	if err := row.Scan(&snapshot, &m.Taken, &m.Postgres); err != nil {
		return m, "", fmt.Errorf("export snapshot: %w", err)
	}
	m.Taken, m.Program = m.Taken.UTC(), s.Program
	m.Name = m.Taken.Format(nameLayout)
	if err := tx.SelectContext(ctx, &m.Migrations,
		"SELECT id FROM schema_migrations ORDER BY id"); err != nil {
		return m, "", fmt.Errorf("read applied migrations: %w", err)
	}
	m.Sums, err = readSums(ctx, tx, allAmounts())
	return m, snapshot, err
}

// dumping reads what a running pg_dump writes. It ends with io.EOF only if pg_dump has
// succeeded.
type dumping struct {
	cmd  *exec.Cmd
	out  io.Reader
	said tail
	size int64
	sum  hash.Hash
	end  error // of reading, once pg_dump was waited for
}

// dump starts pg_dump.
func (s Source) dump(ctx context.Context, snapshot, version string) (*dumping, error) {
	path, err := find(ctx, pgDump, major(version))
	if err != nil {
		return nil, err
	}
	address, environ, err := connection(s.URL)
	if err != nil {
		return nil, err
	}
	d := &dumping{sum: sha256.New()}
	// A table that a migration has locked fails the backup instead of standing in its way.
	d.cmd = exec.CommandContext(ctx, path, "--format=custom", "--snapshot="+snapshot, "--no-password",
		"--lock-wait-timeout=60s", "--dbname="+address)
	d.cmd.Env, d.cmd.Stderr = environ, &d.said
	if d.out, err = d.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("start pg_dump: %w", err)
	}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pg_dump: %w", err)
	}
	return d, nil
}

// Read reads on, and hashes.
func (d *dumping) Read(b []byte) (int, error) {
	if d.end != nil {
		return 0, d.end
	}
	n, err := d.out.Read(b)
	d.sum.Write(b[:n])
	d.size += int64(n)
	if errors.Is(err, io.EOF) {
		d.end = io.EOF
		if failed := d.cmd.Wait(); failed != nil {
			d.end = d.said.failure(pgDump, failed)
		}
		err = d.end
	}
	return n, err
}

// Close ends pg_dump if it still runs.
func (d *dumping) Close() {
	if d.end == nil {
		d.end = errors.New("pg_dump was ended")
		_ = d.cmd.Process.Kill() // whatever went wrong is known already
		_ = d.cmd.Wait()
	}
}
