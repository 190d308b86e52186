package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// CopyText sends rows that are encoded as COPY text, with line feeds between them, through
// statement, which is a COPY ... FROM STDIN. The connection must be in a transaction. The
// text goes through as it is: decoding rows to let the driver encode them again would cost
// ten times the work.
func CopyText(ctx context.Context, conn *sqlx.Conn, statement, text string) error {
	return conn.Raw(func(driverConn any) (err error) {
		prepare, ok := driverConn.(driver.Conn)
		if !ok {
			return fmt.Errorf("driver connection is a %T", driverConn)
		}
		stmt, err := prepare.Prepare(statement)
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
		// CopyData ends what it is given with a line feed. One call for all of it,
		// because each starts a goroutine that watches ctx.
		if _, err := copier.CopyData(ctx, text); err != nil {
			return err
		}
		//lint:ignore SA1019 it ends the COPY, and the driver's statement has no other way to
		_, err = stmt.Exec(nil)
		return err
	})
}
