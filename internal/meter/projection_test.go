package meter

import (
	"math"
	"testing"
	"time"
)

func TestProject(t *testing.T) {
	const day = 24 * time.Hour
	period := PeriodAt(time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC), 1, time.UTC) // 30 days
	at := func(d time.Duration) time.Time { return period.Start.Add(d) }
	for _, c := range []struct {
		name          string
		tokens, quota int64
		elapsed       time.Duration
		want          Projection
		told          bool
	}{
		{"half of the period, half of the quota", 500, 1000, 15 * day, Projection{33, 1000, time.Time{}}, true},
		{"twice as fast", 500, 1000, 7*day + 12*time.Hour, Projection{66, 2000, at(15 * day)}, true},
		{"the quota lasts", 499, 1000, 15 * day, Projection{33, 998, time.Time{}}, true},
		{"used up already", 1000, 1000, 15 * day, Projection{66, 2000, time.Time{}}, true},
		{"no quota", 500, 0, 15 * day, Projection{33, 1000, time.Time{}}, true},
		{"nothing used", 0, 1000, 15 * day, Projection{}, true},
		{"a second before the first hour is over", 500, 1000, time.Hour - time.Second, Projection{}, false},
		{"the first hour is over", 1, 1000, time.Hour, Projection{24, 720, time.Time{}}, true},
		{"at the end", 999, 1000, 30 * day, Projection{33, 999, time.Time{}}, true},
		{"before the period", 500, 1000, -day, Projection{}, false},
		{"after the period", 500, 1000, 31 * day, Projection{}, false},
		{"as much as can be", math.MaxInt64, 0, 15 * day, Projection{math.MaxInt64 / 15, math.MaxInt64, time.Time{}}, true},
		{"a quota as large as can be", math.MaxInt64 / 2, math.MaxInt64, 10 * day, Projection{math.MaxInt64 / 20, math.MaxInt64, at(20 * day)}, true},
	} {
		u := Usage{Tenant: Tenant{Quota: c.quota}, Period: period, Used: Amounts{Tokens: c.tokens}, AsOf: at(c.elapsed)}
		got, told := u.Project()
		if got != c.want || told != c.told {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.name, got, told, c.want, c.told)
		}
	}
}
