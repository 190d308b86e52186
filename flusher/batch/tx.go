package batch

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// Tx is one transaction on a dedicated connection, which COPY needs.
type Tx struct {
	*sqlx.Tx
	conn *sqlx.Conn
	w    *Writer
}

// Begin starts a transaction on db with the required settings. End releases the connection.
func (w *Writer) Begin(ctx context.Context, db *sqlx.DB) (Tx, error) {
	conn, err := db.Connx(ctx)
	if err != nil {
		return Tx{}, fmt.Errorf("connect to postgres: %w", err)
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		conn.Close()
		return Tx{}, fmt.Errorf("begin: %w", err)
	}
	t := Tx{tx, conn, w}
	if _, err := tx.ExecContext(ctx, w.transactionSettings()); err != nil {
		t.End()
		return Tx{}, fmt.Errorf("set up transaction: %w", err)
	}
	return t, nil
}

// End rolls back unless the transaction was committed.
func (t Tx) End() {
	_ = t.Rollback()
	_ = t.conn.Close()
}
