package flusher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
)

// savedKey is a key of Valkey as DUMP gives it.
type savedKey struct {
	content string
	ttl     time.Duration
}

// Save keeps a copy of Valkey's database.
func (m *machine) Save(t *rapid.T) {
	ctx := context.Background()
	keys, err := m.rig.Valkey.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	m.saved = map[string]savedKey{}
	for _, key := range keys {
		content, err := m.rig.Valkey.Dump(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		ttl, err := m.rig.Valkey.PTTL(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		m.saved[key] = savedKey{content, max(ttl, 0)}
	}
}

// Rewind puts the copy back. Events that are neither in it nor in Postgres are gone, and
// from then on the model has no others.
func (m *machine) Rewind(t *rapid.T) {
	if m.saved == nil {
		t.Skip("nothing is saved")
	}
	ctx := context.Background()
	_, err := m.rig.Valkey.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.FlushDB(ctx)
		for key, saved := range m.saved {
			p.RestoreReplace(ctx, key, saved.ttl, saved.content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	if err := m.rig.DB.Select(&want, "SELECT id::text FROM events"); err != nil {
		t.Fatal(err)
	}
	want = append(want, m.rig.inValkey()...)
	slices.Sort(want)
	want = slices.Compact(want)

	// Somebody must come by who can know of it: ingest of its groups, a flusher of the ledger.
	probe := counted{tenant: zones[0].name, feature: "probe", tokens: 1, at: m.rig.Now()}
	accepted := 0
	switch status, answer := m.rig.post(fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":1}`,
		probe.tenant, probe.feature)); status {
	case http.StatusOK:
		accepted = 1
		m.events = append(m.events, probe)
	case http.StatusServiceUnavailable:
	default:
		t.Fatalf("POST /events: %d %s", status, answer)
	}
	if rapid.Bool().Draw(t, "crash") {
		at := batch.Step(rapid.IntRange(int(batch.StepSealAll), int(batch.StepResume)).Draw(t, "step"))
		f := m.rig.flusher()
		f.after = func(s batch.Step) error {
			if s == at {
				return errCrash
			}
			return nil
		}
		if _, err := f.RunOnce(ctx); err != nil && !errors.Is(err, errCrash) {
			t.Fatalf("recovery with a crash after step %d: %v", at, err)
		}
	}
	if _, err := m.rig.flusher().RunOnce(ctx); err != nil {
		t.Fatalf("recovery: %v", err)
	}

	var rows []struct {
		ID, Tenant, Feature string
		Tokens              int64
		At                  time.Time `db:"created_at"`
	}
	if err := m.rig.DB.Select(&rows,
		"SELECT id::text, tenant, feature, tokens, created_at FROM events"); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]int{}
	for _, e := range m.events {
		acknowledged[e.key()]++
	}
	m.events = nil
	found := 0
	for _, row := range rows {
		e := counted{row.Tenant, row.Feature, row.Tokens, row.At}
		if acknowledged[e.key()]--; acknowledged[e.key()] < 0 {
			t.Fatalf("%s is in events more often than it was acknowledged", e.key())
		}
		m.events = append(m.events, e)
		if _, ok := slices.BinarySearch(want, row.ID); ok {
			found++
		}
	}
	if found != len(want) || len(rows) != len(want)+accepted {
		t.Fatalf("%d events, of which %d were left by the loss; want %d and %d",
			len(rows), found, len(want)+accepted, len(want))
	}
	m.loseKeyed(t)
	clear(m.fresh) // the views may say stale until they are renewed
}

// key is what an event is known by in the model.
func (e counted) key() string {
	return fmt.Sprintf("%s/%s/%d/%d", e.tenant, e.feature, e.tokens, e.at.UnixMicro())
}
