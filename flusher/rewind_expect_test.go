package flusher

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// inPostgres are the ids of all events in Postgres, inValkey those of raw events there.
func (r *rewinder) inPostgres() []string {
	r.Helper()
	var ids []string
	if err := r.DB.Select(&ids, "SELECT id::text FROM events ORDER BY 1"); err != nil {
		r.Fatal(err)
	}
	return ids
}

func (r *rig) inValkey() []string {
	r.Helper()
	ctx := context.Background()
	keys := []string{"fm:{0}:raw"}
	sealed, err := r.Valkey.ZRange(ctx, "fm:{0}:sealed:raw", 0, -1).Result()
	if err != nil {
		r.Fatal(err)
	}
	for _, id := range sealed {
		keys = append(keys, "fm:{0}:raw:"+id)
	}
	var ids []string
	for _, key := range keys {
		groups, err := r.Valkey.LRange(ctx, key, 0, -1).Result()
		if err != nil {
			r.Fatal(err)
		}
		for _, group := range groups {
			for line := range strings.SplitSeq(group, "\n") {
				id, _, _ := strings.Cut(line, "\t")
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// wantEvents expects Postgres to have exactly the events with these ids, and others more.
func (r *rewinder) wantEvents(ids []string, others int) {
	r.Helper()
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	got := r.inPostgres()
	for _, id := range ids {
		if !slices.Contains(got, id) {
			r.Errorf("event %s is lost", id)
		}
	}
	if len(got) != len(ids)+others {
		r.Errorf("%d events in postgres, want %d and %d more", len(got), len(ids), others)
	}
}

// wantSame expects rollups, usage_daily and live usage to be what events add up to.
func (r *rig) wantSame() {
	r.Helper()
	for what, query := range map[string]string{
		"rollups": `SELECT count(*) FROM
			(SELECT tenant, feature, date_trunc('minute', created_at) AS minute, sum(tokens) AS tokens,
				count(*) AS n FROM events GROUP BY 1, 2, 3) e FULL
					JOIN rollups r USING (tenant, feature, minute)
			WHERE e.tokens IS DISTINCT FROM r.total_tokens OR e.n IS DISTINCT FROM r.events`,
		"usage_daily": `SELECT count(*)
			FROM (SELECT e.tenant, feature, (e.created_at AT TIME ZONE t.timezone)::date AS day,
				sum(tokens) AS tokens, count(*) AS n FROM events e JOIN tenants t ON t.name = e.tenant
				GROUP BY 1, 2, 3) e
			FULL JOIN usage_daily u USING (tenant, feature, day)
			WHERE e.tokens IS DISTINCT FROM u.total_tokens OR e.n IS DISTINCT FROM u.events`,
		"dead_events": "SELECT count(*) FROM dead_events",
	} {
		if n := r.Count(query); n != 0 {
			r.Errorf("%s: %d rows are not what events add up to", what, n)
		}
	}
	r.wantLiveSame()
}

// wantLiveSame expects live usage to be what events add up to.
func (r *rig) wantLiveSame() {
	r.Helper()
	reader := r.Reader()
	if err := reader.Refresh(context.Background()); err != nil {
		r.Fatal(err)
	}
	all, err := reader.All(context.Background())
	if err != nil {
		r.Fatal(err)
	}
	for _, u := range all {
		want := r.Count("SELECT coalesce(sum(tokens), 0) FROM events WHERE tenant = $1"+
			" AND created_at >= $2 AND created_at < $3",
			u.Tenant.Name, u.Period.Start, u.Period.End)
		if u.Used[meter.Tokens] != want || u.Stale {
			r.Errorf("%s: live usage %d (stale %v), events say %d", u.Tenant.Name, u.Used[meter.Tokens],
				u.Stale, want)
		}
	}
}

// rewinds is how many losses the flusher has counted; it fails the test if the gauge
// still says that one is being dealt with.
func (r *rewinder) rewinds() int {
	r.Helper()
	got := metricstest.Values(r.TB, r.registry)
	if v := got["flusher_rewound"]; v != 0 {
		r.Errorf("flagmeter_flusher_rewound is %v", v)
	}
	return int(got["flusher_rewinds_total"])
}

// errors are the messages that the flusher has logged as errors since the last call.
func (r *rewinder) errors() []string {
	r.Helper()
	var messages []string
	for line := range strings.SplitSeq(strings.TrimSpace(r.alarms.String()), "\n") {
		if line == "" {
			continue
		}
		var entry struct {
			Msg, Reason, Noticed string
			LastFlush            string `json:"last_flush"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			r.Fatal(err)
		}
		if entry.Reason == "" || entry.Noticed == "" || entry.LastFlush == "" {
			r.Errorf("alarm does not say what and when: %s", line)
		}
		messages = append(messages, entry.Msg)
	}
	r.alarms.Reset()
	return messages
}
