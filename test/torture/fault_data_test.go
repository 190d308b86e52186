package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func dataFaults() []fault {
	stores := []string{flusher, valkey, postgres, front, back, ingest}
	return []fault{
		{name: "poison", touches: stores, long: true, inject: poison},
		{name: "audit-repair", touches: stores, long: true, inject: corrupt},
	}
}

// poison makes Postgres refuse some acknowledged events amid others. They must go to
// dead_events, whole, and hold nothing up; their usage counts. Put back by hand when
// the reason is gone, they are where they belong.
func poison(ctx context.Context, r *rig, random *rand.Rand) error {
	if _, err := r.db.ExecContext(ctx,
		"ALTER TABLE events ADD CONSTRAINT poison CHECK (feature <> 'poison') NOT VALID"); err != nil {
		return fmt.Errorf("make Postgres refuse events: %w", err)
	}
	// if it has not come to that
	defer r.db.ExecContext(context.Background(), "ALTER TABLE events DROP CONSTRAINT IF EXISTS poison")
	began := time.Now()
	poisoned := 0
	for range 5 { // a request each, so that several groups have some
		events := make([]client.Event, 20)
		for i := range events {
			// An hour back: their sums need not wait for the end of a minute.
			events[i] = client.Event{Tenant: "globex", Feature: "healthy", Tokens: 1 + int64(i),
				ID: fmt.Sprintf("poison-%x", random.Uint64()), Timestamp: began.Add(-time.Hour)}
			if i%5 == 3 {
				events[i].Feature = "poison"
				poisoned++
			}
		}
		post := client.Client{URL: "http://ingest", HTTP: httpClient(r.load.spread)}
		if _, err := post.Post(ctx, events); err != nil {
			return err
		}
		r.journal.ack(events)
	}
	if err := waittest.Wait(ctx, waittest.Patience, "refused events in dead_events", func() bool {
		var n int
		err := r.db.GetContext(ctx, &n, "SELECT count(*) FROM dead_events")
		return err == nil && n == poisoned
	}); err != nil {
		return err
	}
	if err := r.awaitFlushes(ctx, 3); err != nil {
		return err
	}
	// What was refused belongs to events: there is no drift. It can be said when the sums
	// have arrived, and 30 s more.
	err := waittest.Wait(ctx, waittest.Patience, "an audit that knows the refused events",
		func() bool {
			report, err := r.audit(ctx, "globex", began.Add(-61*time.Minute), began.Add(-59*time.Minute))
			return err == nil && report.Clean && report.Explained > 0
		})
	return errors.Join(err, r.putBack(ctx))
}

// putBack moves the content of dead_events, lines of COPY, into events.
func (r *rig) putBack(ctx context.Context) error {
	tx, err := r.db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("put dead events back: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	var lines []string
	err = tx.SelectContext(ctx, &lines,
		"DELETE FROM dead_events RETURNING convert_from(content, 'UTF8')")
	if err == nil {
		_, err = tx.ExecContext(ctx, "ALTER TABLE events DROP CONSTRAINT poison")
	}
	for _, line := range lines {
		if err == nil {
			f := strings.Split(line, "\t") // no name here needs an escape
			_, err = tx.ExecContext(ctx, "INSERT INTO events"+
				" (id, tenant, feature, tokens, created_at, idempotency_key) VALUES ($1, $2, $3, $4, $5, $6)",
				f[0], f[1], f[2], f[3], f[4], f[5])
		}
	}
	if err != nil {
		return fmt.Errorf("put dead events back: %w", err)
	}
	return tx.Commit()
}

// auditReport is a part of what flagmeter audit --json prints.
type auditReport struct {
	Clean     bool `json:"clean"`
	Settled   bool `json:"settled"`
	Explained int  `json:"explained"`
	Moving    int  `json:"moving"`
	Rollups   []struct {
		Difference struct{ Tokens, Events int64 } `json:"difference"`
	} `json:"rollups"`
	Repaired *struct {
		Rollups    int `json:"rollups"`
		UsageDaily int `json:"usageDaily"`
	} `json:"repaired"`
}

// audit runs flagmeter audit. That there is drift is no error.
func (r *rig) audit(
	ctx context.Context, tenant string, from, to time.Time, more ...string,
) (report auditReport, err error) {
	args := append([]string{"audit", "--json", "--tenant", tenant, "--from", from.Format(time.RFC3339),
		"--to", to.Format(time.RFC3339)}, more...)
	cmd := exec.CommandContext(ctx, r.alerter.argv[0], args...)
	cmd.Env = []string{"DATABASE_URL=" + r.postgreses.DatabaseURL, "VALKEY_URL=" + r.valkeys.ValkeyURL}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(out) > 0 {
		err = nil
	}
	if err != nil {
		return report, fmt.Errorf("audit: %w", err)
	}
	return report, json.Unmarshal(out, &report)
}

// corrupt falsifies one row of rollups and deletes another, of events that arrived a moment
// ago. An audit must find just that, and its repair, beside working flushers, mend it.
func corrupt(ctx context.Context, r *rig, random *rand.Rand) error {
	// where the load posts next to nothing
	day := time.Now().Add(-50 * time.Hour).Truncate(time.Minute)
	events := make([]client.Event, 20)
	for i := range events {
		events[i] = client.Event{Tenant: "initech", Feature: fmt.Sprint("audited ", i%2),
			Tokens: 100 + int64(i),
			ID:     fmt.Sprintf("audited-%x", random.Uint64()), Timestamp: day}
	}
	post := client.Client{URL: "http://ingest", HTTP: httpClient(r.load.spread)}
	if _, err := post.Post(ctx, events); err != nil {
		return err
	}
	r.journal.ack(events)
	if err := waittest.Wait(ctx, waittest.Patience, "the rollups of both features", func() bool {
		var n int
		err := r.db.GetContext(ctx, &n, "SELECT count(*) FROM rollups WHERE tenant = 'initech'"+
			" AND minute = $1 AND feature LIKE 'audited _' AND events >= 10", day)
		return err == nil && n == 2
	}); err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE rollups SET total_tokens = total_tokens + 4711, events = events + 2" +
			" WHERE feature = 'audited 0' AND minute = $1",
		"DELETE FROM rollups WHERE feature = 'audited 1' AND minute = $1",
	} {
		if _, err := r.db.ExecContext(ctx, statement, day); err != nil {
			return fmt.Errorf("corrupt rollups: %w", err)
		}
	}
	to := day.Add(time.Minute)
	if err := waittest.Wait(ctx, waittest.Patience, "an audit that finds the drift", func() bool {
		report, err := r.audit(ctx, "initech", day, to)
		return err == nil && !report.Clean && len(report.Rollups) == 2
	}); err != nil {
		return err
	}
	report, err := r.audit(ctx, "initech", day, to, "--repair")
	if err != nil {
		return err
	}
	if !report.Settled || report.Repaired == nil || report.Repaired.Rollups != 2 {
		return fmt.Errorf("the repair says %+v", report)
	}
	if report, err = r.audit(ctx, "initech", day, to); err != nil || !report.Clean {
		return fmt.Errorf("after the repair: %+v, %v", report, err)
	}
	return nil
}
