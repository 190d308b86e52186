package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/stack"
)

// Postgres' own programs do the work.
const (
	pgDump    = "pg_dump"
	pgRestore = "pg_restore"
)

var number = regexp.MustCompile(`[0-9]+`)

// find returns the path of one of Postgres' programs, which must not be older than major.
func find(ctx context.Context, program string, major int) (string, error) {
	path, err := stack.PostgresProgram(program)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	version, _ := strconv.Atoi(number.FindString(string(out)))
	if version < major {
		return "", fmt.Errorf("%s is of Postgres %d, but the database, or its backup, of %d: install"+
			" the client programs of Postgres %d",
			path, version, major, major)
	}
	return path, nil
}

// connection is how a program of Postgres is told of a database: the address without the
// password, and the environment with it.
func connection(databaseURL string) (address string, environ []string, err error) {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", nil,
			errors.New("the database must be given as postgres://user:password@host:5432/database")
	}
	password, _ := u.User.Password()
	query := u.Query()
	if p := query.Get("password"); p != "" {
		password = p
		query.Del("password")
		u.RawQuery = query.Encode()
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	environ = os.Environ()
	if password != "" {
		environ = append(environ, "PGPASSWORD="+password)
	}
	return u.String(), environ, nil
}

// tail keeps the end of what a program writes to stderr.
type tail struct{ bytes.Buffer }

const tailSize = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.Buffer.Write(b)
	if extra := t.Len() - tailSize; extra > 0 {
		t.Next(extra)
	}
	return len(b), nil
}

// failure is the error of a program, with what it said.
func (t *tail) failure(program string, err error) error {
	return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(t.String()))
}
