package torture

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	flush "github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// ahead is how far the clock of the last flusher goes ahead, so that it closes every minute
// in which an event can be: some come from clocks that showed the next month.
const ahead = 32 * 24 * time.Hour

// settle ends the load, heals everything, compares the live usage, and closes the last
// minutes. Afterwards all that was accepted is in Postgres.
func (r *rig) settle(ctx context.Context) {
	r.t.Helper()
	r.load.end(waittest.Patience)
	if err := r.heal(ctx); err != nil {
		r.t.Fatal(fmt.Errorf("heal: %w", err))
	}
	before := r.liveUsage(ctx)
	valkey := scripts.New(r.rdb, 1)
	last := flush.New(flush.Options{
		DB: r.db, Valkey: valkey, Log: slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(),
		Now:        func() time.Time { return time.Now().Add(ahead) },
	})
	err := waittest.Wait(ctx, waittest.Patience, "the last batches to reach Postgres", func() bool {
		if _, err := last.RunOnce(ctx); err != nil {
			return false
		}
		left, err := valkey.Seal(ctx, 0, time.Now().Add(ahead).Unix()/60, 8)
		return err == nil && len(left.Raw)+len(left.Sums) == 0 && !left.More
	})
	if err != nil {
		r.t.Error(err)
	}
	after := r.liveUsage(ctx)
	for name, u := range after {
		if before[name].TotalTokens != u.TotalTokens {
			r.t.Errorf(
				"live usage of %s was %d tokens before its last minutes were closed, and is %d after that",
				name, before[name].TotalTokens, u.TotalTokens)
		}
		r.checkLive(ctx, name, u)
	}
	if err := r.awaitAlerts(ctx); err != nil {
		r.t.Error(err)
	}
}

// liveUsage asks both ingests for the usage of every tenant; they must agree.
func (r *rig) liveUsage(ctx context.Context) map[string]usage {
	r.t.Helper()
	live := map[string]usage{}
	for _, name := range r.tenantNames() {
		for i, p := range r.ingests {
			u, err := r.usage(ctx, p, name)
			if err != nil {
				r.t.Errorf("usage of %s: %v", name, err)
				continue
			}
			if i > 0 && u.TotalTokens != live[name].TotalTokens {
				r.t.Errorf("%s says %d tokens for %s, %s says %d",
					p.name, u.TotalTokens, name, r.ingests[0].name, live[name].TotalTokens)
			}
			live[name] = u
		}
	}
	return live
}

func (r *rig) tenantNames() []string {
	names := append([]string{anonymousTenant, watchedTenant}, quotaTenants...)
	for _, tenant := range tenants {
		names = append(names, tenant.name)
	}
	return names
}

// checkLive compares live usage with the events of the period.
func (r *rig) checkLive(ctx context.Context, tenant string, u usage) {
	r.t.Helper()
	var rows []struct {
		Feature string `db:"feature"`
		Tokens  int64  `db:"tokens"`
		Events  int64  `db:"events"`
	}
	if err := r.db.SelectContext(ctx, &rows, `SELECT feature, sum(tokens)::bigint AS tokens,
		count(*) AS events FROM events
		WHERE tenant = $1 AND created_at >= $2 AND created_at < $3 GROUP BY feature`, tenant,
		u.PeriodStart, u.PeriodEnd); err != nil {
		r.t.Errorf("add up the events of %s: %v", tenant, err)
		return
	}
	type amount struct{ tokens, events int64 }
	want, total := map[string]amount{}, int64(0)
	for _, row := range rows {
		want[row.Feature] = amount{row.Tokens, row.Events}
		total += row.Tokens
	}
	if total != u.TotalTokens {
		r.t.Errorf("live usage of %s is %d tokens, its events have %d", tenant, u.TotalTokens, total)
	}
	for _, f := range u.Features {
		if got := (amount{f.Tokens, f.Events}); got != want[f.Feature] {
			r.t.Errorf("live usage of %s, %s: %+v, its events: %+v", tenant, f.Feature, got, want[f.Feature])
		}
		delete(want, f.Feature)
	}
	if len(want) > 0 {
		r.t.Errorf("live usage of %s misses %v", tenant, want)
	}
}
