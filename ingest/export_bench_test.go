package ingest

import (
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkSeriesAndEvents reads series of one tenant over 43,200 minutes with 5 features, and a
// file of a million raw events. peak-MB is by how much the process's heap has grown meanwhile:
//
//	go test ./ingest -run '^$' -bench BenchmarkSeriesAndEvents -benchtime 3x
//
// On 2 shared cores: an hour by minute takes 12 ms, a month by hour 377 ms, by day 5 ms.
func BenchmarkSeriesAndEvents(b *testing.B) {
	a := newAPI(b, stacktest.New(b))
	for _, statement := range []string{
		`INSERT INTO rollups (tenant, feature, minute, total_tokens, events)
			SELECT 'acme', 'feature-' || f, timestamptz '2026-07-02Z' + n * interval '1 minute', 1500, 1
			FROM generate_series(0, 43199) AS n, generate_series(1, 5) AS f`,
		`INSERT INTO usage_daily (tenant, feature, day, total_tokens, events)
			SELECT 'acme', 'feature-' || f, date '2026-07-02' + n, 1500, 1
			FROM generate_series(0, 29) AS n, generate_series(1, 5) AS f`,
		`INSERT INTO events (id, tenant, feature, tokens, created_at)
			SELECT gen_random_uuid(), 'acme', 'gpt-4-turbo', 1500, timestamptz '2026-07-20 00:00Z' + n * interval '1 second' FROM generate_series(1, 1000000) AS n`,
		"ANALYZE",
	} {
		if _, err := a.env.DB.Exec(statement); err != nil {
			b.Fatal(err)
		}
	}
	for _, path := range []string{
		"/series?step=minute&from=2026-07-31T11:00:00Z&to=2026-07-31T12:00:00Z&split=feature",
		"/series?step=hour&from=2026-07-02&to=2026-08-01&split=feature",
		"/series?step=day&from=2026-07-02&to=2026-08-01&split=feature",
		"/events.csv?from=2026-07-20&to=2026-08-01",
	} {
		b.Run(path, func(b *testing.B) {
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			var peak uint64
			ended, watched := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(watched)
				for ticker := time.NewTicker(20 * time.Millisecond); ; {
					select {
					case <-ticker.C:
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						peak = max(peak, m.HeapAlloc)
					case <-ended:
						ticker.Stop()
						return
					}
				}
			}()
			for b.Loop() {
				r, err := http.Get(a.url + "/usage/acme" + path)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != 200 {
					b.Fatal(r.Status, err)
				}
				b.SetBytes(n)
			}
			close(ended)
			<-watched
			b.ReportMetric(float64(max(peak, before.HeapAlloc)-before.HeapAlloc)/1e6, "peak-MB")
		})
	}
}
