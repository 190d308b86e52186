package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

var (
	// ErrNoTenant reports a tenant that does not exist.
	ErrNoTenant = errors.New("no such tenant")
	// ErrUnknownZone reports a time zone that Postgres does not know.
	ErrUnknownZone = errors.New("time zone is not known to Postgres")
	// ErrNameTaken reports a name that leads to another tenant, as its key or as an alias.
	ErrNameTaken = errors.New("the name is taken")
)

// tenantRow is a row of tenants as Postgres returns it.
type tenantRow struct {
	Name       string        `db:"name"`
	Quota      sql.NullInt64 `db:"monthly_quota"`
	BillingDay int           `db:"billing_day"`
	Timezone   string        `db:"timezone"`
	Thresholds percents      `db:"thresholds"`
	RateLimit  sql.NullInt64 `db:"rate_limit"`
	RateBurst  sql.NullInt64 `db:"rate_burst"`
	Enforce    string        `db:"enforce"`
	Archived   bool          `db:"archived"`

	DisplayName string         `db:"display_name"`
	Aliases     pq.StringArray `db:"aliases"`
}

const selectTenants = `SELECT name, monthly_quota, billing_day, timezone, thresholds, rate_limit,
	rate_burst, enforce,
	archived_at IS NOT NULL AS archived, coalesce(display_name, '') AS display_name, aliases
	FROM tenants LEFT JOIN (SELECT tenant, array_agg(name ORDER BY name) AS aliases
		FROM tenant_names WHERE name <> tenant GROUP BY tenant) AS n ON n.tenant = name
	ORDER BY name`

// TenantsVersion is a number that grows with every change of the tenants table.
func TenantsVersion(ctx context.Context, q sqlx.QueryerContext) (int64, error) {
	var version int64
	if err := sqlx.GetContext(ctx, q, &version, "SELECT version FROM tenants_version"); err != nil {
		return 0, fmt.Errorf("read version of tenants: %w", err)
	}
	return version, nil
}

// Tenants returns all tenants by name, archived ones included. What of a row cannot be read is
// replaced by its default, and named in odd: its tenant goes on to be metered, and all others
// with the settings that they have. So it is with time zones: Go and Postgres do not know
// exactly the same ones.
func Tenants(
	ctx context.Context, q sqlx.QueryerContext,
) (tenants []meter.Tenant, odd []OddRow, err error) {
	tenants = []meter.Tenant{}
	found := func(row, reason, instead string) {
		odd = append(odd, OddRow{Table: "tenants", Row: row, Reason: reason, Instead: instead})
	}
	err = eachRow(ctx, q, func(r tenantRow) {
		zone, err := time.LoadLocation(r.Timezone)
		if err != nil || r.Timezone == "" || r.Timezone == "Local" {
			zone = time.UTC
			found(r.Name, fmt.Sprintf("timezone %q is not known here", r.Timezone), "UTC")
		}
		if r.Thresholds.odd {
			found(r.Name, "thresholds have elements that are no percentages", fmt.Sprint(r.Thresholds.all))
		}
		enforce, err := meter.ParseEnforcement(r.Enforce)
		if err != nil { // a newer version's
			found(r.Name, "enforce "+err.Error(), enforce.String())
		}
		tenants = append(tenants, meter.Tenant{
			Name: r.Name, Quota: r.Quota.Int64, BillingDay: r.BillingDay, Zone: zone,
			Thresholds: r.Thresholds.all, Archived: r.Archived,
			Rate: meter.NewRate(r.RateLimit.Int64, r.RateBurst.Int64), OwnRate: r.RateLimit.Valid,
			Enforce:     enforce,
			DisplayName: r.DisplayName, Aliases: r.Aliases,
		})
	}, func(row string, err error) { found(row, err.Error(), "the row is skipped") }, selectTenants)
	if err != nil {
		return nil, nil, fmt.Errorf("read tenants: %w", err)
	}
	return tenants, odd, nil
}

// AddTenant inserts a tenant. It reports false if there is a tenant of that key, and returns
// ErrNameTaken if the name is an alias of one, and ErrUnknownZone if Postgres does not know the
// tenant's zone.
func AddTenant(ctx context.Context, e sqlx.ExecerContext, t meter.Tenant) (bool, error) {
	n, err := AddTenants(ctx, e, []string{t.Name}, t)
	return n == 1, err
}

// AddTenants inserts tenants of the given names with the settings of like, in one
// statement, and returns how many there were not yet. Its errors are those of AddTenant.
func AddTenants(
	ctx context.Context, e sqlx.ExecerContext, names []string, like meter.Tenant,
) (int64, error) {
	// In order of names, so that two statements about the same ones cannot deadlock.
	res, err := e.ExecContext(ctx, `INSERT INTO tenants (name, monthly_quota, billing_day, timezone,
		thresholds, rate_limit, rate_burst, enforce)
		SELECT DISTINCT name, nullif($2::bigint, 0), $3::int, $4, $5::int[], $6::int, $7::int, $8
		FROM unnest($1::text[]) AS n (name) ORDER BY name
		ON CONFLICT (name) DO NOTHING`,
		pq.Array(names), like.Quota, like.BillingDay, like.Zone.String(), pq.Array(like.Thresholds),
		sql.NullInt64{Int64: like.Rate.PerSecond, Valid: like.OwnRate}, burstColumn(like.Rate),
		like.Enforce.String())
	if err != nil {
		return 0, fmt.Errorf("add tenant: %w", refusal(err))
	}
	return res.RowsAffected()
}

// TenantChange says what to change of a tenant. What is nil stays as it is.
type TenantChange struct {
	Quota      *int64 // 0: none
	BillingDay *int
	Zone       *time.Location
	Thresholds []int // empty but not nil: none
	Rate       *RateChange
	Enforce    *meter.Enforcement
	Archived   *bool
}

// RateChange is a tenant's new rate. Unless it is Own, the deployment's counts again.
type RateChange struct {
	meter.Rate
	Own bool
}

// burstColumn is rate_burst: NULL where it is what rate_limit is.
func burstColumn(r meter.Rate) sql.NullInt64 {
	return sql.NullInt64{Int64: r.Burst, Valid: r.Burst != r.PerSecond}
}

// ChangeTenant changes the settings of the tenant with the given key in one statement. It
// returns ErrNoTenant if there is none, and ErrUnknownZone if Postgres does not know the zone.
func ChangeTenant(ctx context.Context, e sqlx.ExecerContext, name string, c TenantChange) error {
	var zone *string
	if c.Zone != nil {
		zoneName := c.Zone.String()
		zone = &zoneName
	}
	var rate RateChange
	if c.Rate != nil {
		rate = *c.Rate
	}
	var enforce *string
	if c.Enforce != nil {
		mode := c.Enforce.String()
		enforce = &mode
	}
	res, err := e.ExecContext(ctx, `UPDATE tenants SET
		monthly_quota = CASE WHEN $2::bigint IS NULL THEN monthly_quota ELSE nullif($2, 0) END,
		billing_day = coalesce($3, billing_day), timezone = coalesce($4, timezone),
			thresholds = coalesce($5, thresholds),
		archived_at = CASE WHEN $6::boolean IS NULL THEN archived_at
			WHEN $6 THEN coalesce(archived_at, now()) END,
		rate_limit = CASE WHEN $7 THEN $8::int ELSE rate_limit END, rate_burst = CASE WHEN $7 THEN $9::int
			ELSE rate_burst END,
		enforce = coalesce($10, enforce)
		WHERE name = $1`, name, c.Quota, c.BillingDay, zone, pq.Array(c.Thresholds), c.Archived,
		c.Rate != nil, sql.NullInt64{Int64: rate.PerSecond, Valid: rate.Own},
		burstColumn(rate.Rate), enforce)
	if err != nil {
		return fmt.Errorf("change tenant: %w", refusal(err))
	}
	if n, err := res.RowsAffected(); err != nil {
		return fmt.Errorf("change tenant: %w", err)
	} else if n == 0 {
		return fmt.Errorf("%w: %q", ErrNoTenant, name)
	}
	return nil
}

// refusal turns what Postgres says of a tenant's time zone, the only value that it can call
// invalid, and of its names into the errors of this package.
func refusal(err error) error {
	var refused *pq.Error
	switch {
	case !errors.As(err, &refused):
	case refused.Code == "22023": // invalid_parameter_value
		return fmt.Errorf("%w: %s", ErrUnknownZone, refused.Message)
	case refused.Constraint == "tenant_names_pkey":
		return fmt.Errorf("%w: %s", ErrNameTaken, refused.Message)
	}
	return err
}
