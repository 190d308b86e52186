package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/stack"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Verify restores a backup into a database that is made for that and dropped afterwards, compares
// the two, and audits the events of the copy against its rollups and days. The database is made
// on the server at scratchURL, by whoever that names; empty is a private server, which runs for
// as long as this takes and keeps its data in the directory of temporary files.
func Verify(
	ctx context.Context, t Target, m Manifest, trust Trust, scratchURL string,
) (report audit.Report, err error) {
	if err := trust.Check(ctx, t, m); err != nil { // before a server is started for it
		return report, err
	}
	if scratchURL == "" {
		private, err := stack.Start(ctx, stack.Options{Postgres: true, Fast: true})
		if err != nil {
			return report, fmt.Errorf("start a private Postgres (or give one with --scratch): %w", err)
		}
		defer func() { err = errors.Join(err, private.Stop()) }()
		scratchURL = private.DatabaseURL
	}
	database, drop, err := scratch(ctx, scratchURL)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	if err := Restore(ctx, t, m, trust, database); err != nil {
		return report, err
	}
	db, err := store.Open(database, 1, 0)
	if err != nil {
		return report, err
	}
	defer db.Close()
	return audit.Restored(ctx, db)
}

// scratch makes an empty database on a server, and returns its address and what drops it.
func scratch(
	ctx context.Context, serverURL string,
) (databaseURL string, drop func() error, err error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", nil, errors.New("the server must be given as postgres://user@host:5432/database")
	}
	db, err := store.Open(serverURL, 1, 0)
	if err != nil {
		return "", nil, err
	}
	name := "flagmeter_verify_" + strings.ToLower(rand.Text()[:10]) // letters and digits
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", nil, errors.Join(fmt.Errorf("create a scratch database: %w", err), db.Close())
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_, err := db.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		if err != nil {
			err = fmt.Errorf("drop the scratch database %s: %w", name, err)
		}
		return errors.Join(err, db.Close())
	}
	u.Path = "/" + name
	return u.String(), drop, nil
}
