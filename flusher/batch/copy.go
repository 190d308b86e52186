package batch

import (
	"context"
	"fmt"

	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// CopyEvents copies groups of lines (package record) into events or a table like it. Lines of
// events with a record.Request have more columns, so they take a second COPY.
func (t Tx) CopyEvents(ctx context.Context, table string, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	plain, long := record.Split(groups)
	for _, part := range []struct{ statement, lines string }{
		{record.CopyInto(table), plain}, {record.CopyLongInto(table), long},
	} {
		if part.lines == "" {
			continue
		}
		if err := store.CopyText(ctx, t.conn, part.statement, part.lines); err != nil {
			return fmt.Errorf("copy into %s: %w", table, err)
		}
	}
	return nil
}
