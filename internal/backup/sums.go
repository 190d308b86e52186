package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Sums is what must be the same in the database that a backup was made of and in one that it
// was restored into. Tokens are numbers of any size.
type Sums struct {
	Tenants     int64             `json:"tenants" db:"tenants"`
	Events      int64             `json:"events" db:"events"`
	Tokens      json.Number       `json:"tokens" db:"tokens"`
	More        numbersByName     `json:"more,omitempty" db:"more"` // other amounts of events
	DeadEvents  int64             `json:"deadEvents" db:"dead_events"`
	Rollups     Counted           `json:"rollups" db:"rollups"`
	UsageDaily  Counted           `json:"usageDaily" db:"usage_daily"`
	Alerts      int64             `json:"alerts" db:"alerts"`
	Deliveries  int64             `json:"deliveries" db:"deliveries"`
	APIKeys     int64             `json:"apiKeys" db:"api_keys"`
	LedgerRows  int64             `json:"ledgerRows"`
	LedgerSeqs  []ledger.ShardEnd `json:"ledgerSeqs"`
	LastFlushed string            `json:"lastFlushed"` // RFC 3339 in UTC; empty: the ledger is
}

// totalsQuery adds up the tables by the given amounts.
func totalsQuery(of []meter.Amount) string {
	return `SELECT (SELECT count(*) FROM tenants) AS tenants,
	e.events, e.tokens, e.more, (SELECT count(*) FROM dead_events) AS dead_events,
	` + counted("rollups", of) + ` AS rollups, ` + counted("usage_daily", of) + ` AS usage_daily,
	(SELECT count(*) FROM alerts) AS alerts, (SELECT count(*) FROM deliveries) AS deliveries,
	(SELECT count(*) FROM api_keys) AS api_keys
FROM (SELECT count(*) AS events, coalesce(sum(tokens), 0) AS tokens, ` + moreOfEvents(of) + ` AS more
	FROM events) e`
}

// readSums adds up a database by the given amounts: every event is read once.
func readSums(ctx context.Context, q sqlx.QueryerContext, of []meter.Amount) (s Sums, err error) {
	if err := sqlx.GetContext(ctx, q, &s, totalsQuery(of)); err != nil {
		return s, fmt.Errorf("add up the tables: %w", err)
	}
	entries, err := ledger.Summarize(ctx, q)
	if err != nil {
		return s, err
	}
	s.LedgerRows, s.LedgerSeqs = entries.Entries, entries.Ends
	if entries.LastCommit != nil {
		s.LastFlushed = entries.LastCommit.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	return s, nil
}

// differ names what two databases do not have in common, one difference a line.
func (s Sums) differ(restored Sums) error {
	was, is := reflect.ValueOf(s), reflect.ValueOf(restored)
	var lines []string
	for _, f := range reflect.VisibleFields(was.Type()) {
		a, b := was.FieldByIndex(f.Index).Interface(), is.FieldByIndex(f.Index).Interface()
		if fmt.Sprint(a) != fmt.Sprint(b) {
			lines = append(lines,
				fmt.Sprintf("%s: %v in the manifest, %v in the database", f.Tag.Get("json"), a, b))
		}
	}
	if lines == nil {
		return nil
	}
	return fmt.Errorf("the restored database is not what was backed up:\n  %s",
		strings.Join(lines, "\n  "))
}
