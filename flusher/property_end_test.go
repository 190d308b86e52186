package flusher

import (
	"context"
	"fmt"
	"maps"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// finish wakes who sleeps, flushes everything and compares the tables with the model.
func (m *machine) finish(t *rapid.T) {
	for i, p := range m.paused {
		if p != nil {
			m.wake(t, i)
		}
	}
	m.rig.Advance(10 * time.Minute) // closes every minute, also those ahead
	for range 3 {                   // flush, learn that it is settled, drop
		if _, err := m.flushers[0].RunOnce(context.Background()); err != nil {
			t.Fatalf("last flush: %v", err)
		}
		m.rig.Advance(usage.Grace)
	}
	minutes, days := map[string]int64{}, map[string]int64{}
	for _, e := range m.events {
		tenant, _ := m.rig.Tenants.Get(e.tenant)
		minutes[fmt.Sprintf("%s/%s/%d", e.tenant, e.feature, e.at.Unix()/60)] += e.tokens
		days[fmt.Sprintf("%s/%s/%s", e.tenant, e.feature, tenant.Day(e.at))] += e.tokens
	}
	for what, table := range map[string]struct {
		query string
		want  map[string]int64
	}{
		"events": {`SELECT tenant || '/' || feature || '/' ||
			(extract(epoch FROM date_trunc('minute', created_at)) / 60)::bigint AS key,
			sum(tokens) AS tokens FROM events GROUP BY 1`, minutes},
		"rollups": {
			`SELECT tenant || '/' || feature || '/' || (extract(epoch FROM minute) / 60)::bigint AS key,
			total_tokens AS tokens FROM rollups`, minutes},
		"usage_daily": {`SELECT tenant || '/' || feature || '/' || day AS key, total_tokens AS tokens
			FROM usage_daily`, days},
	} {
		var rows []struct {
			Key    string
			Tokens int64
		}
		if err := m.rig.DB.Select(&rows, table.query); err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, row := range rows {
			got[row.Key] += row.Tokens
		}
		if !maps.Equal(got, table.want) {
			t.Fatalf("%s: %v, acknowledged %v", what, got, table.want)
		}
	}
	if n := m.rig.Count("SELECT count(*) FROM events"); n != int64(len(m.events)) {
		t.Fatalf("%d rows in events, %d events acknowledged", n, len(m.events))
	}
	keys, err := m.rig.Valkey.Keys(context.Background(), "fm:{0}:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		for _, prefix := range []string{
			"fm:{0}:raw", "fm:{0}:sum:", "fm:{0}:minute", "fm:{0}:late", "fm:{0}:sealed", "fm:{0}:settled",
			"fm:{0}:rewound",
		} {
			if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
				t.Fatalf("left in valkey: %s", key)
			}
		}
	}
}
