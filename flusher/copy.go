package flusher

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// copyFields are the fields of a line in the order in which ingest encodes them.
const copyFields = "(id, tenant, feature, tokens, created_at, idempotency_key)"

// copyStatement copies lines into a table.
func copyStatement(table string) string { return "COPY " + table + " " + copyFields + " FROM STDIN" }

// copyEvents sends groups of lines, encoded by ingest as COPY text, into events or a
// table like it. The connection must be in a transaction.
func copyEvents(ctx context.Context, conn *sqlx.Conn, table string, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	if err := store.CopyText(ctx, conn, copyStatement(table), strings.Join(groups, "\n")); err != nil {
		return fmt.Errorf("copy into %s: %w", table, err)
	}
	return nil
}
