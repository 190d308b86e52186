package flusher

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkRecovery recovers an empty Valkey of 5,000 tenants with three features each:
// 600,000 events of the last ten minutes are in Postgres, with their ids in the dedupe
// window and without their counters, behind two million older ones of the same day. 75,000
// more are only in Valkey.
func BenchmarkRecovery(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		r := newRig(b, stacktest.New(b))
		for _, statement := range []string{
			"INSERT INTO tenants (name) SELECT 'tenant ' || i FROM generate_series(1, 5000) i",
			"SELECT create_event_partitions('2026-03-09', '2026-03-11')",
			// Arrived before the last drained hand-out.
			`INSERT INTO events SELECT overlay(gen_random_uuid()::text PLACING '01900000' FROM 1)::uuid,
				'tenant ' || (1 + i % 5000), 'f' || i % 3, 10,
				timestamptz '2026-03-10 10:00:00+00' + i * interval '3 ms', NULL
				FROM generate_series(1, 2000000) i`,
			`INSERT INTO events SELECT overlay(gen_random_uuid()::text PLACING
				lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint >> 16), 8, '0') FROM 1)::uuid,
				'tenant ' || (1 + i % 5000), 'f' || i % 3, 10,
					timestamptz '2026-03-10 11:50:00+00' + i * interval '1 ms', 'id ' || i
				FROM generate_series(1, 600000) i`,
			"INSERT INTO flushes (id, shard, kind, seq, rows, tokens, drained)" +
				" VALUES (overlay(gen_random_uuid()::text PLACING '01909999-9999-7' FROM 1)::uuid, 0," +
				" 'raw', 99, 1, 1, true)",
			"VACUUM ANALYZE events",
		} {
			if _, err := r.DB.Exec(statement); err != nil {
				b.Fatal(err)
			}
		}
		r.Reload()
		for part := range 15 {
			var body strings.Builder
			for i := range 5000 {
				fmt.Fprintf(&body, `{"tenant":"tenant %d","feature":"f%d","tokens":10}`+"\n", i+1, part%3)
			}
			if status, answer := r.postAs("application/x-ndjson", body.String()); status != 200 {
				b.Fatalf("POST /events: %d %.200s", status, answer)
			}
		}
		b.StartTimer()
		start := time.Now()
		f := r.flusher()
		f.after = func(s batch.Step) error {
			b.Logf("step %d after %.2f s", s, time.Since(start).Seconds())
			return nil
		}
		done, err := f.RunOnce(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/recovery")
		b.StopTimer()
		if done.Rewinds != 1 || done.Events != 75_000 {
			b.Fatalf("result %+v", done)
		}
		r.wantLiveOfAll()
		b.StartTimer()
	}
}

// wantLiveOfAll expects the recovered rows to be what events of the last minutes add up to.
func (r *rig) wantLiveOfAll() {
	r.Helper()
	got := r.Count("SELECT sum(events) FROM rollups WHERE minute >= '2026-03-10 11:50:00+00'")
	want := r.Count("SELECT count(*) FROM events WHERE created_at >= '2026-03-10 11:50:00+00'")
	if got != want {
		r.Errorf("%d events in rollups, want %d", got, want)
	}
}
