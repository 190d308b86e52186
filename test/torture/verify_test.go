package torture

import "context"

// findings are what the check of events has found, by fault.
type findings struct {
	lost, doubled map[string]int
	unknownIn     int // events of unknown outcome that did count
	known         int // lost events among them whose loss was noticed and has no cure
}

// checkEvents compares the journal with the table events, in both directions.
func (r *rig) checkEvents(ctx context.Context) findings {
	r.t.Helper()
	found := findings{lost: map[string]int{}, doubled: map[string]int{}}
	j := r.journal
	j.mu.Lock()
	defer j.mu.Unlock()

	rows, err := r.db.QueryxContext(ctx,
		`SELECT coalesce(idempotency_key, tenant || '/' || feature || '/' || tokens),
		min(tenant), min(feature), min(tokens), count(*) FROM events GROUP BY 1`)
	if err != nil {
		r.t.Errorf("read events: %v", err)
		return found
	}
	defer rows.Close()
	stored := make(map[string]bool, len(j.acked))
	report := reporter(r.t.Errorf)
	for rows.Next() {
		var key string
		var got note
		var count int
		if err := rows.Scan(&key, &got.tenant, &got.feature, &got.tokens, &count); err != nil {
			r.t.Errorf("read an event: %v", err)
			return found
		}
		stored[key] = true
		sent, acked := j.acked[key]
		if !acked {
			var ok bool
			if sent, ok = j.unknown[key]; !ok {
				report("event %s is in Postgres and nobody has sent it", key)
				continue
			}
			found.unknownIn++
		}
		if got.at = sent.at; got != sent {
			report("event %s is in Postgres as %+v, and was sent as %+v", key, got, sent)
		}
		if want := max(j.times[key], 1); count != want {
			report("event %s is in Postgres %d times and should be %d times; acknowledged: %v, %.1f"+
				" s after the start", key, count, want, acked, sent.at.Seconds())
			for _, fault := range j.faultsAt(sent.at) {
				found.doubled[fault]++
			}
		}
	}
	if err := rows.Err(); err != nil {
		r.t.Errorf("read events: %v", err)
	}
	for key, sent := range j.acked {
		if stored[key] {
			continue
		}
		if j.mayBeLost(sent.at) {
			found.known++
		} else {
			report("event %s was acknowledged %.1f s after the start and is not in Postgres",
				key, sent.at.Seconds())
		}
		for _, fault := range j.faultsAt(sent.at) {
			found.lost[fault]++
		}
	}
	return found
}

// reporter passes the first 20 messages on: one mistake may concern every event.
func reporter(errorf func(string, ...any)) func(string, ...any) {
	n := 0
	return func(format string, args ...any) {
		if n++; n <= 20 {
			errorf(format, args...)
		}
	}
}

// sums are the pairs of tables that must agree; each query returns what differs.
var sums = map[string]string{
	"events and rollups": `SELECT format('%s, %s, %s: events have %s/%s, rollups %s/%s', tenant,
		feature, minute, e.tokens, e.n, r.tokens, r.n)
		FROM (SELECT tenant, feature, date_trunc('minute', created_at) AS minute, sum(tokens) AS tokens,
			count(*) AS n FROM events GROUP BY 1, 2, 3) e
		FULL JOIN (SELECT tenant, feature, minute, total_tokens AS tokens, events AS n FROM rollups)
			r USING (tenant, feature, minute)
		WHERE (e.tokens, e.n) IS DISTINCT FROM (r.tokens, r.n) LIMIT 10`,
	"events and usage_daily": `SELECT format('%s, %s, %s: events have %s/%s, usage_daily %s/%s',
		tenant, feature, day, e.tokens, e.n, u.tokens, u.n)
		FROM (SELECT v.tenant, v.feature, (v.created_at AT TIME ZONE t.timezone)::date AS day,
			sum(v.tokens) AS tokens, count(*) AS n
			FROM events v JOIN tenants t ON t.name = v.tenant GROUP BY 1, 2, 3) e
		FULL JOIN (SELECT tenant, feature, day, total_tokens AS tokens, events AS n FROM usage_daily) u
			USING (tenant, feature, day)
		WHERE (e.tokens, e.n) IS DISTINCT FROM (u.tokens, u.n) LIMIT 10`,
	"dead_events and nothing": `SELECT format('%s of batch %s: %s', kind, batch, reason)
		FROM dead_events LIMIT 10`,
}

// checkSums compares the tables with each other.
func (r *rig) checkSums(ctx context.Context) {
	r.t.Helper()
	for what, query := range sums {
		var differences []string
		if err := r.db.SelectContext(ctx, &differences, query); err != nil {
			r.t.Errorf("compare %s: %v", what, err)
		}
		for _, d := range differences {
			r.t.Errorf("%s differ: %s", what, d)
		}
	}
}
