package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

var (
	// ErrRepairing reports that another repair is running.
	ErrRepairing = errors.New("another repair is running: try again when it has ended")
	// ErrNoEvents reports a day without any event from which to rebuild its sums.
	ErrNoEvents = errors.New("no event is left to rebuild from")
	// ErrNegative reports a repair that would make a row negative.
	ErrNegative = errors.New(
		"a corrected row would be negative: look for its tenant in dead_events first")
)

// Repair audits q and corrects the drift that it finds, in one transaction. The report shows the
// drift; Report.Repaired says what was changed. After an error at commit the outcome is unknown,
// and calling Repair again is safe.
func (a *Auditor) Repair(ctx context.Context, q Query) (Report, error) {
	tx, err := a.db.BeginTxx(ctx, nil)
	if err != nil {
		return Report{}, fmt.Errorf("begin repair: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := store.HoldPartitions(ctx, tx); err != nil {
		return Report{}, err
	}
	// The lock is held from before the audit to the end, so that the drift found is still
	// uncorrected.
	var alone bool
	const lock = "SELECT pg_try_advisory_xact_lock(hashtext('flagmeter.audit_repair'))"
	if err := tx.GetContext(ctx, &alone, lock); err != nil {
		return Report{}, fmt.Errorf("lock out other repairs: %w", err)
	}
	if !alone {
		return Report{}, ErrRepairing
	}
	report, err := a.Audit(ctx, q)
	if err != nil {
		return Report{}, err
	}
	report.Repaired = &Repaired{}
	minutes, days := report.Minutes, report.corrections()
	if len(minutes)+len(days) == 0 {
		return report, nil
	}
	if err := checkKept(ctx, tx, minutes); err != nil {
		return Report{}, err
	}
	*report.Repaired, err = write(ctx, tx, minutes, days)
	if err != nil {
		return Report{}, err
	}
	if err := tx.Commit(); err != nil {
		return Report{}, fmt.Errorf("commit repair: %w", err)
	}
	return report, nil
}

// correction is the excess to subtract from a row of usage_daily.
type correction struct {
	scripts.DayKey
	excess meter.Amounts
}

// corrections returns the corrections that the package comment describes, in the order in which
// flushers write.
func (r Report) corrections() []correction {
	totals := map[Series]TotalDrift{}
	for _, t := range r.Totals {
		totals[t.Series] = t
	}
	var days []correction
	for key, excess := range r.drift {
		t, wrong := totals[Series{key.Tenant, key.Feature}]
		if wrong && t.moves && excess != (meter.Amounts{}) { // zero: two errors cancel out
			days = append(days, correction{key, excess})
		}
	}
	for _, d := range r.Days {
		if t := totals[d.Series]; !t.moves && !t.Unresolved {
			day := scripts.DayKey{Tenant: d.Tenant, Day: d.Day, Feature: d.Feature}
			days = append(days, correction{day, d.Difference()})
		}
	}
	slices.SortFunc(days, func(a, b correction) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Day, b.Day),
			cmp.Compare(a.Feature, b.Feature))
	})
	return days
}

// checkKept refuses to subtract anything from a day of which no event is left.
func checkKept(ctx context.Context, tx *sqlx.Tx, minutes []MinuteDrift) error {
	checked := map[time.Time]bool{}
	for _, m := range minutes {
		day := m.Minute.Truncate(24 * time.Hour)
		if m.Events != (meter.Amounts{}) || checked[day] {
			continue
		}
		checked[day] = true
		var kept bool
		err := tx.GetContext(ctx, &kept,
			"SELECT EXISTS (SELECT FROM events WHERE created_at >= $1 AND created_at < $2)",
			day, day.Add(24*time.Hour))
		if err != nil {
			return fmt.Errorf("look for events of %s: %w", day.Format(time.DateOnly), err)
		}
		if !kept {
			return fmt.Errorf("%w: %s has rollups but no events, choose a range without it",
				ErrNoEvents, day.Format(time.DateOnly))
		}
	}
	return nil
}

// write subtracts the excess from rollups and usage_daily, and enters the repair into the ledger.
func write(
	ctx context.Context, tx *sqlx.Tx, minutes []MinuteDrift, days []correction) (Repaired, error) {
	// A flusher that is stopped in the middle of a transaction must not block the others for long:
	// they queue up behind this lock.
	for _, statement := range []string{
		"SET LOCAL synchronous_commit = on",
		"SET LOCAL lock_timeout = '5s'",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return Repaired{}, fmt.Errorf("set up the transaction of a repair: %w", err)
		}
	}
	if err := ledger.Lock(ctx, tx); err != nil {
		return Repaired{}, err
	}
	if err := writeRollups(ctx, tx, minutes); err != nil {
		return Repaired{}, err
	}
	if err := writeDays(ctx, tx, days); err != nil {
		return Repaired{}, err
	}
	tenants, tokens := map[string]bool{}, int64(0)
	for _, m := range minutes {
		tenants[m.Tenant] = true
		tokens = meter.Add(tokens, -m.Difference()[meter.Tokens])
	}
	for _, d := range days {
		tenants[d.Tenant] = true
	}
	id := uuid.Must(uuid.NewV7()).String()
	_, err := ledger.Enter(ctx, tx, ledger.Entry{
		ID: id, Kind: ledger.Sum, Rows: int64(len(minutes)),
		Tokens: tokens, Tenants: append([]string{}, slices.Sorted(maps.Keys(tenants))...)})
	if err != nil {
		return Repaired{}, fmt.Errorf("note the repair: %w", err)
	}
	return Repaired{Rollups: len(minutes), Days: len(days), Ledger: id}, nil
}

// columns are the arguments of one statement that corrects many rows.
type columns struct {
	tenants, features, at []string
	amounts               store.AmountRows
}

func (c *columns) add(tenant, feature, at string, excess meter.Amounts) {
	c.tenants = append(c.tenants, tenant)
	c.features = append(c.features, feature)
	c.at = append(c.at, at)
	c.amounts.Add(meter.Amounts{}.Sub(excess))
}

func (c *columns) keys() []any {
	return []any{pq.Array(c.tenants), pq.Array(c.features), pq.Array(c.at)}
}

func (c *columns) all() []any { return c.amounts.Arguments(c.keys()...) }

func writeRollups(ctx context.Context, tx *sqlx.Tx, minutes []MinuteDrift) error {
	var c columns
	for _, m := range minutes {
		c.add(m.Tenant, m.Feature, m.Minute.Format(time.RFC3339Nano), m.Difference())
	}
	if err := correct(ctx, tx, c, "rollups", "minute", "timestamptz"); err != nil {
		return fmt.Errorf("correct rollups: %w", err)
	}
	return nil
}

func writeDays(ctx context.Context, tx *sqlx.Tx, days []correction) error {
	var c columns
	for _, d := range days {
		c.add(d.Tenant, d.Feature, d.Day.String(), d.excess)
	}
	if err := correct(ctx, tx, c, "usage_daily", "day", "date"); err != nil {
		return fmt.Errorf("correct usage_daily: %w", err)
	}
	return nil
}

// correct adds to rows of a table whose key is tenant, feature and the column at, of type kind. It
// deletes the rows that become zero, and fails if one becomes negative.
func correct(ctx context.Context, tx *sqlx.Tx, c columns, table, at, kind string) error {
	if len(c.tenants) == 0 {
		return nil
	}
	key := "tenant, feature, " + at
	keys := "$1::text[], $2::text[], $3::" + kind + "[]"
	addTo := "INSERT INTO " + table + " AS t (" + key + ", " + store.AmountColumns + `)
		SELECT * FROM unnest(` + keys + ", " + store.AmountParameters(3) + `)
		ON CONFLICT (` + key + ") DO UPDATE SET " + store.AddAmounts("t") + ", updated_at = now()"
	if _, err := tx.ExecContext(ctx, addTo, c.all()...); err != nil {
		return err
	}
	corrected := " AND (" + key + ") IN (SELECT * FROM unnest(" + keys + "))"
	empty := store.EachAmount(" AND ", func(a meter.AmountSpec) string { return a.Column + " = 0" })
	remove := "DELETE FROM " + table + " WHERE " + empty + corrected
	if _, err := tx.ExecContext(ctx, remove, c.keys()...); err != nil {
		return err
	}
	less := store.EachAmount(" OR ", func(a meter.AmountSpec) string { return a.Column + " < 0" })
	var negative int
	count := "SELECT count(*) FROM " + table + " WHERE (" + less + ")" + corrected
	if err := tx.GetContext(ctx, &negative, count, c.keys()...); err != nil {
		return err
	}
	if negative > 0 {
		return ErrNegative
	}
	return nil
}
