package stack

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	_ "github.com/lib/pq" // driver "postgres"
)

const (
	postgresUser = "flagmeter"
	postgresDB   = "flagmeter"
)

// startPostgres starts Postgres in its room of the directory, making the cluster and the
// database when they do not exist. When it returns an error, nothing runs.
func startPostgres(ctx context.Context, d *dir, bin binary, o Options) (*Server, string, error) {
	room, err := d.room("postgres")
	if err != nil {
		return nil, "", err
	}
	password, err := room.secret()
	if err != nil {
		return nil, "", err
	}
	init := spec{name: "initdb", room: room, stop: stopping{"TERM KILL", patience}, hold: d.hold}
	if err := initCluster(ctx, init, filepath.Join(filepath.Dir(bin.path), "initdb"), o.Fast); err != nil {
		return nil, "", err
	}
	url := func(port int, db string) string {
		return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", postgresUser, password, port, db)
	}
	s := &Server{
		name: "postgres", room: room, stopBy: stopping{"INT QUIT KILL", patience}, hold: d.hold, log: o.Log,
		argv: func(port int) ([]string, error) { return postgresArgs(bin.path, port, o.Fast), nil },
		answers: func(ctx context.Context, port int) error {
			return askPostgres(ctx, url(port, "postgres"), "SELECT 1")
		},
	}
	if err := s.start(ctx); err != nil {
		return nil, "", err
	}
	if err := createDatabase(ctx, url(s.port, "postgres")); err != nil {
		return nil, "", errors.Join(err, s.stop())
	}
	return s, url(s.port, postgresDB), nil
}

// postgresArgs is the command line of the server. SIGINT, its first stop signal, means "fast":
// it drops the connections, writes all to disk and exits.
func postgresArgs(path string, port int, fast bool) []string {
	args := []string{path, "-D", "data"}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	set("listen_addresses", "127.0.0.1")
	set("port", strconv.Itoa(port))
	set("unix_socket_directories", "") // their path would be too long below some directories
	set("max_connections", "200")      // parallel tests have a pool each
	set("timezone", "UTC")
	set("log_timezone", "UTC")
	if fast {
		set("fsync", "off")
		set("full_page_writes", "off")
	}
	return args
}

// initCluster makes the data directory of Postgres unless it exists. It is made under another
// name first: an interrupted initdb leaves nothing that looks complete.
func initCluster(ctx context.Context, s spec, initdb string, fast bool) error {
	const data, next = "data", "data.new"
	if _, err := s.room.files.Stat(data + "/PG_VERSION"); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for the data of Postgres: %w", err)
	}
	if err := s.room.files.RemoveAll(next); err != nil {
		return fmt.Errorf("remove an unfinished data directory: %w", err)
	}
	s.argv = []string{initdb, "-D", "data.new", "--username", postgresUser, "--pwfile", "password",
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-instructions"}
	if fast {
		s.argv = append(s.argv, "--no-sync")
	}
	p, err := start(s)
	if err != nil {
		return err
	}
	select {
	case <-p.gone:
		p.pipe.Close()
		if err := p.end(); err != nil {
			return err
		}
	case <-ctx.Done():
		_ = p.stop() // it was told to
		return fmt.Errorf("make the data directory of Postgres: %w", context.Cause(ctx))
	}
	if err := s.room.files.Rename(next, data); err != nil {
		return fmt.Errorf("finish the data directory of Postgres: %w", err)
	}
	return nil
}

// createDatabase makes the database of FlagMeter unless it exists.
func createDatabase(ctx context.Context, url string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return fmt.Errorf("open Postgres: %w", err)
	}
	defer db.Close()
	var exists bool
	const find = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := db.QueryRowContext(ctx, find, postgresDB).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", postgresDB, err)
	}
	if exists {
		return nil
	}
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+postgresDB); err != nil {
		return fmt.Errorf("create database %s: %w", postgresDB, err)
	}
	return nil
}

// askPostgres runs one statement on a connection of its own, which must be made within 2 s:
// whatever took the port meanwhile may never answer, and the driver heeds ctx only later.
func askPostgres(ctx context.Context, url, query string) error {
	db, err := sql.Open("postgres", url+"&connect_timeout=2")
	if err != nil {
		return fmt.Errorf("open Postgres: %w", err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, query); err != nil {
		return fmt.Errorf("ask Postgres: %w", err)
	}
	return nil
}

// postgresMajor is the major version that made the data below dir; 0 when there is none.
func postgresMajor(dir string) int {
	if dir == "" {
		return 0
	}
	files, err := os.OpenRoot(dir)
	if err != nil {
		return 0
	}
	defer files.Close()
	data, err := files.OpenRoot("postgres/data")
	if err != nil {
		return 0
	}
	defer data.Close()
	f, err := openOwn(data, "PG_VERSION", os.O_RDONLY)
	if err != nil {
		return 0
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 64))
	return firstNumber(string(b))
}
