package audit_test

import (
	"testing"
)

// BenchmarkDay audits a day of a million events of 50 series, in tables that hold 60 such
// days of rollups: with -benchtime 3x it takes some 20 s, most of them to fill the tables.
func BenchmarkDay(b *testing.B) {
	r := newRig(b, 0)
	r.Exec("INSERT INTO tenants (name) SELECT 'tenant-' || i FROM generate_series(1, 10) i")
	r.Exec(`INSERT INTO events (id, tenant, feature, tokens, created_at)
		SELECT gen_random_uuid(), 'tenant-' || 1 + i % 10, 'feature-' || 1 + i / 10 % 5, 1 + i % 1000, timestamptz '2026-03-09 12:00Z' + i * interval '86.4 ms'
		FROM generate_series(0, 999999) i`)
	r.Exec(`INSERT INTO rollups (tenant, feature, minute, total_tokens, events)
		SELECT tenant, feature, date_trunc('minute', created_at), sum(tokens), count(*) FROM events
		GROUP BY 1, 2, 3`)
	r.Exec(`INSERT INTO rollups (tenant, feature, minute, total_tokens, events)
		SELECT tenant, feature, minute - d * interval '1 day', 1, 1
		FROM rollups, generate_series(1, 60) d`)
	r.Exec(`INSERT INTO usage_daily (tenant, day, feature, total_tokens, events)
		SELECT tenant, (minute AT TIME ZONE 'UTC')::date, feature, sum(total_tokens), sum(events)
		FROM rollups GROUP BY 1, 2, 3`)
	r.Exec("ANALYZE")
	q := r.lately()
	q.From, q.To = noon.AddDate(0, 0, -1), noon
	b.ResetTimer()
	for b.Loop() {
		if report := r.audit(q); !report.Clean() || report.Rows != 72_000 {
			b.Fatalf("%d rows, drift %v", report.Rows, drift(report)[:3])
		}
	}
}
