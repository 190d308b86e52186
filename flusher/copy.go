package flusher

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// copyFields are the fields of a line in the order in which ingest encodes them.
const copyFields = "(id, tenant, feature, tokens, created_at, idempotency_key)"

// copyStatement copies lines into a table.
func copyStatement(table string) string { return "COPY " + table + " " + copyFields + " FROM STDIN" }

// copyEvents sends groups of lines, encoded by ingest as COPY text, into events or a
// table like it. The connection must be in a transaction. The lines go through as they
// are: decoding them to let the driver encode them again would cost ten times the work.
func copyEvents(ctx context.Context, conn *sqlx.Conn, table string, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	err := conn.Raw(func(driverConn any) (err error) {
		prepare, ok := driverConn.(driver.Conn)
		if !ok {
			return fmt.Errorf("driver connection is a %T", driverConn)
		}
		stmt, err := prepare.Prepare(copyStatement(table))
		if err != nil {
			return err
		}
		defer func() {
			if closeErr := stmt.Close(); err == nil {
				err = closeErr
			}
		}()
		copier, ok := stmt.(interface {
			CopyData(ctx context.Context, line string) (driver.Result, error)
		})
		if !ok {
			return errors.New("driver has no CopyData")
		}
		// CopyData ends what it is given with a line feed. One call for all groups,
		// because each starts a goroutine that watches ctx.
		if _, err := copier.CopyData(ctx, strings.Join(groups, "\n")); err != nil {
			return err
		}
		//lint:ignore SA1019 it ends the COPY, and the driver's statement has no other way to
		_, err = stmt.Exec(nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("copy into %s: %w", table, err)
	}
	return nil
}
