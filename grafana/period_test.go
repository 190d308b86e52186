package grafana

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestQuotaPanelFollowsBillingPeriods compares the SQL of "Closest to their quota", which
// works out the present billing period, with package meter: each billing day in three zones,
// on days where months end.
func TestQuotaPanelFollowsBillingPeriods(t *testing.T) {
	env := stacktest.New(t)
	zones := []string{"UTC", "America/New_York", "Pacific/Auckland"}
	for _, zone := range zones {
		execute(t, env.DB, `WITH added AS (
				INSERT INTO tenants (name, monthly_quota, billing_day, timezone)
				SELECT $1 || ' ' || day, 1000, day, $1 FROM generate_series(1, 31) day RETURNING name)
			INSERT INTO usage_daily (tenant, day, feature, total_tokens, events)
			SELECT name, day, 'f', 1, 1
			FROM added, generate_series(date '2027-12-01', date '2028-04-02', '1 day') day`, zone)
	}
	var query string
	for _, p := range dashboards(t)["usage.json"].Panels {
		if p.Title == "Closest to their quota" {
			query = strings.ReplaceAll(p.Targets[0].RawSQL, "LIMIT 10", "")
		}
	}
	for _, now := range []time.Time{
		time.Date(2028, 1, 31, 23, 30, 0, 0, time.UTC), time.Date(2028, 2, 28, 12, 0, 0, 0, time.UTC),
		time.Date(2028, 2, 29, 4, 0, 0, 0, time.UTC), time.Date(2028, 3, 1, 1, 0, 0, 0, time.UTC),
		time.Date(2028, 3, 30, 12, 0, 0, 0, time.UTC),
	} {
		var got []struct {
			Tenant        string
			Tokens, Quota int64
			Used          float64
			Since         time.Time
		}
		if err := env.DB.Select(&got,
			strings.ReplaceAll(query, "now()", "timestamptz '"+now.Format(time.RFC3339)+"'")); err != nil {
			t.Fatal(err)
		}
		since := map[string]string{}
		for _, row := range got {
			since[row.Tenant] = row.Since.Format(time.DateOnly)
		}
		for _, name := range zones {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			for day := 1; day <= 31; day++ {
				tenant := fmt.Sprint(name, " ", day)
				if want := meter.PeriodAt(now, day, zone).From.String(); since[tenant] != want {
					t.Errorf("%s at %s: the period begins %s, want %s", tenant, now, since[tenant], want)
				}
			}
		}
	}
}
