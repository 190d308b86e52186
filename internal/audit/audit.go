package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// snapshotLimit bounds an audit. A million events take about a second.
const snapshotLimit = time.Hour

// ErrTooSlow reports that Valkey took too long to list the rows with events on their way, so the
// audit has no result. It is temporary: Valkey holds more than can be read in time.
var ErrTooSlow = errors.New("reading the queue in valkey took too long to compare anything: " +
	"try again when the flusher has caught up")

// Query says what to audit.
type Query struct {
	// From and To are the half-open range of the events' timestamps. From is rounded down and To up
	// to a whole minute.
	From, To time.Time
	// Tenant is the only tenant to audit; empty means all.
	Tenant string
}

// rounded returns q with whole minutes, in UTC.
func (q Query) rounded() Query {
	q.From = q.From.UTC().Truncate(time.Minute)
	if to := q.To.UTC().Truncate(time.Minute); to.Equal(q.To) {
		q.To = to
	} else {
		q.To = to.Add(time.Minute)
	}
	return q
}

// withDays returns q extended to every local day that it touches, in any time zone.
func (q Query) withDays() Query {
	const longestDay = 26 * time.Hour // Troll, in Antarctica, sets its clocks back by two hours
	q.From, q.To = q.From.Add(-longestDay), q.To.Add(longestDay)
	return q
}

// contains reports whether row belongs to the audited range and tenant.
func (q Query) contains(row scripts.MinuteKey) bool {
	return row.Minute >= q.From.Unix()/60 && row.Minute < q.To.Unix()/60 &&
		(q.Tenant == "" || q.Tenant == row.Tenant)
}

// Step is a step in the package comment.
type Step int

// The steps after which a test may act.
const (
	StepRaw Step = iota + 1
	StepSnapshot
	StepCounted
)

// Auditor compares events with their sums. It is safe for concurrent use.
type Auditor struct {
	db     *sqlx.DB
	valkey *scripts.Valkey
	now    func() time.Time
	// after is called after each step; tests set it.
	after func(Step)
}

// New returns an auditor. It uses two connections of db for a repair, else one.
func New(db *sqlx.DB, valkey *scripts.Valkey, now func() time.Time) *Auditor {
	return &Auditor{db, valkey, now, func(Step) {}}
}

// Audit compares everything in q and changes nothing. Errors are store.ErrNoTenant,
// ErrTooSlow, or a store's.
func (a *Auditor) Audit(ctx context.Context, q Query) (Report, error) {
	q = q.rounded()
	if !q.From.Before(q.To) {
		return Report{}, fmt.Errorf("the range ends at %s, before it begins at %s",
			q.To.Format(time.RFC3339), q.From.Format(time.RFC3339))
	}
	began := a.now()
	moving := newMoving(q.withDays())
	if err := moving.readRaw(ctx, a.valkey); err != nil { // step (i)
		return Report{}, err
	}
	a.after(StepRaw)
	var report Report
	err := store.Snapshot(ctx, a.db, snapshotLimit, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := store.HoldPartitions(ctx, tx); err != nil {
			return err
		}
		zones, err := readZones(ctx, tx, q) // step (ii): the first query makes the snapshot
		if err != nil {
			return err
		}
		a.after(StepSnapshot)
		if err := moving.readCounted(ctx, a.valkey); err != nil { // step (iii)
			return err
		}
		a.after(StepCounted)
		if took := a.now().Sub(began); took < 0 || took >= usage.Grace {
			return fmt.Errorf("%w (it took %s)", ErrTooSlow, took)
		}
		report, err = compare(ctx, tx, q, zones, moving)
		return err
	})
	if err != nil {
		return Report{}, err
	}
	return report, nil
}

// compare reads the snapshot, without a time limit from Valkey.
func compare(
	ctx context.Context, tx *sqlx.Tx, q Query, zones tenantZones, moving *movingRows,
) (Report, error) {
	// One core is enough: the pipeline may need the only other one. Compiling these queries takes
	// longer than running them.
	const oneCore = "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off"
	if _, err := tx.ExecContext(ctx, oneCore); err != nil {
		return Report{}, fmt.Errorf("keep to one core: %w", err)
	}
	dead, err := readDead(ctx, tx)
	if err != nil {
		return Report{}, err
	}
	kept, err := store.KeptSince(ctx, tx)
	if err != nil {
		return Report{}, err
	}
	span, err := spanOf(ctx, tx, q.withDays())
	if err != nil {
		return Report{}, err
	}
	c := &comparison{
		tx: tx, query: q, zones: zones, moving: moving, dead: dead, kept: kept, span: span}
	c.report = Report{From: q.From, To: q.To, Since: c.kept.Both(), Tenant: q.Tenant,
		Unreadable: moving.unreadable + dead.unreadable}
	for row := range moving.rows {
		if q.contains(row) {
			c.report.Moving++
		}
	}
	if err := c.minutes(ctx); err != nil {
		return Report{}, fmt.Errorf("compare events with rollups: %w", err)
	}
	if err := c.days(ctx); err != nil {
		return Report{}, fmt.Errorf("compare rollups with usage_daily: %w", err)
	}
	return c.report, nil
}

// comparison is one audit after its snapshot.
type comparison struct {
	tx     *sqlx.Tx
	query  Query // the rows that are reported
	zones  tenantZones
	moving *movingRows
	dead   deadRows
	// kept says since when the tables keep rows.
	kept store.Kept
	// span is the range of the rollups partitions that are read.
	span   [2]string
	report Report
}

// whole reports whether all minutes of a tenant's day are kept.
func (c *comparison) whole(tenant string, day meter.Day) bool {
	return !day.Start(c.zones.of(tenant)).Before(c.kept.Rollups)
}

// tenantZones are the time zones of tenants by name, as ingest applies them.
type tenantZones map[string]*time.Location

// readZones reads the tenants of q.
func readZones(ctx context.Context, tx *sqlx.Tx, q Query) (tenantZones, error) {
	tenants, _, err := store.Tenants(ctx, tx)
	if err != nil {
		return nil, err
	}
	zones := tenantZones{}
	for _, t := range tenants {
		if q.Tenant == "" || q.Tenant == t.Name {
			zones[t.Name] = t.Zone
		}
	}
	if q.Tenant != "" && len(zones) == 0 {
		return nil, fmt.Errorf("%w: %q", store.ErrNoTenant, q.Tenant)
	}
	return zones, nil
}

// of returns the tenant's zone. The tables allow no tenant without one. Events under the former
// name of a renamed tenant have none.
func (z tenantZones) of(tenant string) *time.Location {
	if zone := z[tenant]; zone != nil {
		return zone
	}
	return time.UTC
}

// day returns the day on which a minute counts.
func (z tenantZones) day(tenant string, minute time.Time) meter.Day {
	return meter.DayAt(minute, z.of(tenant))
}
