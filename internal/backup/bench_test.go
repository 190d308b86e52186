package backup

import (
	"fmt"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkBackup makes a backup of a million events with client ids, and restores it into an
// empty database. Postgres does not wait for the disk here, the target does.
func BenchmarkBackup(b *testing.B) {
	env := stacktest.New(b)
	const events = 1_000_000
	for _, statement := range []string{
		"INSERT INTO tenants (name) SELECT 'tenant-' || i FROM generate_series(1, 100) i",
		fmt.Sprintf(`INSERT INTO events (id, tenant, feature, tokens, created_at, idempotency_key)
			SELECT gen_random_uuid(), 'tenant-' || 1 + i %% 100, 'feature-' || i %% 7, 1 + i %% 5000,
				now() - i * interval '80 milliseconds', gen_random_uuid()::text
			FROM generate_series(1, %d) i`, events),
		"INSERT INTO rollups SELECT tenant, feature, date_trunc('minute', created_at), sum(tokens)," +
			" count(*) FROM events GROUP BY 1, 2, 3",
		"INSERT INTO usage_daily SELECT tenant, (minute AT TIME ZONE 'UTC')::date, feature," +
			" sum(total_tokens), sum(events) FROM rollups GROUP BY 1, 2, 3",
	} {
		if _, err := env.DB.Exec(statement); err != nil {
			b.Fatal(err)
		}
	}
	d := directory{b.TempDir()}
	for b.Loop() {
		began := time.Now()
		m, err := Source{URL: env.OwnerURL}.Make(b.Context(), d)
		if err != nil {
			b.Fatal(err)
		}
		made := time.Now()
		to, drop, err := scratch(b.Context(), administrator(b, env))
		if err != nil {
			b.Fatal(err)
		}
		if err := Restore(b.Context(), d, m, Trust{}, to); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(made.Sub(began).Seconds(), "s/backup")
		b.ReportMetric(time.Since(made).Seconds(), "s/restore")
		b.ReportMetric(float64(m.Size)/events, "B/event")
		if err := drop(); err != nil {
			b.Fatal(err)
		}
	}
}
