package flusher

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// copyEvents copies groups of lines (package record) into events or a table like it. The connection must be in a transaction.
func copyEvents(ctx context.Context, conn *sqlx.Conn, table string, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	if err := store.CopyText(ctx, conn, record.CopyInto(table), strings.Join(groups, "\n")); err != nil {
		return fmt.Errorf("copy into %s: %w", table, err)
	}
	return nil
}
