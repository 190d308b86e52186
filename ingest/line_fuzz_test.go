package ingest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// stored is an event as Postgres has it.
type stored struct {
	ID              uuid.UUID
	Tenant, Feature string
	Tokens          int64
	At              time.Time `db:"created_at"`
	Key             *string   `db:"idempotency_key"`
}

// FuzzLine holds that a valid event's line, in a group with another one behind it, goes
// through Valkey, the flusher and Postgres and comes back as the event.
func FuzzLine(f *testing.F) {
	env := stacktest.New(f)
	a := newAPI(f, env)
	flush := flusher.New(flusher.Options{DB: env.DB, Valkey: a.valkey, Now: a.clock.now, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	f.Add("acme-corp", "gpt-4-turbo", "", int64(1500), int64(0))
	f.Fuzz(func(t *testing.T, tenant, feature, id string, tokens, micros int64) {
		if meter.CheckName(tenant) != "" || meter.CheckName(feature) != "" || id != "" && meter.CheckName(id) != "" || meter.CheckTokens(tokens) != "" {
			t.Skip("no valid event")
		}
		at := arrival.UTC().Truncate(time.Microsecond).Add(time.Duration(micros%(100*365*24*3600*1e6)) * time.Microsecond)
		events := []meter.Event{
			{ID: id, Tenant: tenant, Feature: feature, Tokens: tokens, At: at},
			{ID: "next", Tenant: "acme", Feature: "chat", Tokens: 1, At: arrival.UTC().Truncate(time.Microsecond)},
		}
		var group []byte
		ids := make([]uuid.UUID, len(events))
		for i, e := range events {
			if i > 0 {
				group = append(group, '\n')
			}
			ids[i] = uuid.Must(uuid.NewV7())
			group = appendLine(group, ids[i], e)
		}
		ctx := context.Background()
		if err := env.Valkey.RPush(ctx, "fm:{0}:raw", group).Err(); err != nil {
			t.Fatal(err)
		}
		if done, err := flush.RunOnce(ctx); err != nil || done.Events != 2 || done.Dead != 0 {
			t.Fatalf("flush of %q: %+v, %v", group, done, err)
		}
		var rows []stored
		if err := env.DB.Select(&rows, "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone ORDER BY id"); err != nil {
			t.Fatal(err)
		}
		if len(rows) != len(events) {
			t.Fatalf("%q makes %d rows", group, len(rows))
		}
		for i, e := range events {
			got := meter.Event{Tenant: rows[i].Tenant, Feature: rows[i].Feature, Tokens: rows[i].Tokens, At: rows[i].At.UTC()}
			if rows[i].Key != nil {
				got.ID = *rows[i].Key
			}
			if got != e || rows[i].ID != ids[i] || (rows[i].Key == nil) != (e.ID == "") {
				t.Errorf("%q comes back as %+v, was %+v", group, rows[i], e)
			}
		}
	})
}
