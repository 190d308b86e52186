package usage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// between lets something happen before each script that an overview calls.
type between struct{ do func() }

func (h *between) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *between) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (h *between) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if len(cmds) > 0 && cmds[0].Name() == "multi" { // one moment, whatever happens
			if do := h.do; do != nil {
				h.do = nil
				do()
				h.do = do
			}
			return next(ctx, cmds)
		}
		var first error
		for i := range cmds {
			if do := h.do; do != nil {
				h.do = nil // not for its own commands
				do()
				h.do = do
			}
			if err := next(ctx, cmds[i:i+1]); err != nil && first == nil {
				first = err
			}
		}
		return first
	}
}

// world is a Valkey and a Postgres between which usage moves.
type world struct {
	*bench
	random  *rand.Rand
	names   []string
	acked   map[string]int64 // tokens by tenant
	groups  int64
	waiting []string // batches to commit
	settled []settledAt
}

// settledAt is a batch to drop when the grace is over.
type settledAt struct {
	id string
	at time.Time
}

// happen does one thing that a client, a flusher or the clock may do.
func (w *world) happen() {
	ctx, minute := w.t.Context(), w.Now().Unix()/60
	switch w.random.IntN(8) {
	case 0, 1, 2: // an event, perhaps of the minute before, perhaps late
		name, tokens := w.names[w.random.IntN(len(w.names))], 1+w.random.Int64N(1000)
		c := scripts.Counter{Minute: minute - w.random.Int64N(3), Day: meter.DayAt(w.Now(), time.UTC),
			Tenant: name, Feature: "chat", Amounts: meter.Amounts{tokens, 1}}
		if w.random.IntN(3) == 0 {
			c.Minute, c.Late = c.Minute-10, true
		}
		w.groups++
		g := scripts.Group{Committer: "c", Number: w.groups, Lines: []byte("x"),
			Counters: []scripts.Counter{c}}
		if _, _, err := w.valkey.Ingest(ctx, 0, g, time.Hour, scripts.Query{}); err != nil {
			w.t.Fatal(err)
		}
		w.acked[name] += tokens
	case 3, 4: // minutes are over, or all of them
		sealed, err := w.valkey.Seal(ctx, 0, minute+w.random.Int64N(2), 8)
		if err != nil {
			w.t.Fatal(err)
		}
		w.waiting = nil
		for _, b := range sealed.Sums {
			w.waiting = append(w.waiting, b.ID)
		}
		var raw []string
		for _, b := range sealed.Raw {
			raw = append(raw, b.ID)
		}
		w.ack(raw, nil)
	case 5: // a batch is committed, and acknowledged
		if len(w.waiting) == 0 {
			return
		}
		id := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.commit(id)
		w.ack(nil, []string{id})
		w.settled = append(w.settled, settledAt{id, w.Now()})
	case 6:
		w.refresh()
	case 7: // time passes, and batches whose grace is over are dropped
		w.Advance(Grace / 3)
		var over []string
		for len(w.settled) > 0 && w.Now().Sub(w.settled[0].at) > Grace {
			over, w.settled = append(over, w.settled[0].id), w.settled[1:]
		}
		if err := w.valkey.Drop(ctx, 0, over); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) ack(raw, sums []string) {
	stored := make([]scripts.Stored, len(raw))
	for i, id := range raw {
		stored[i].ID = id
	}
	if _, err := w.valkey.Ack(w.t.Context(), 0, stored, sums); err != nil {
		w.t.Fatal(err)
	}
}

// commit does to Postgres what a flusher does with a sum batch.
func (w *world) commit(id string) {
	sum, err := w.valkey.ReadSum(w.t.Context(), 0, id)
	if err != nil {
		w.t.Fatal(err)
	}
	tx := w.env.DB.MustBegin()
	defer tx.Rollback()
	w.exec(tx, "INSERT INTO flushes (id, shard, kind, seq, rows, tokens, tenants) VALUES ($1, 0, "+
		"'sum', 0, 1, 1, $2)", id, "{}")
	for key, n := range sum.Days {
		w.exec(tx, "UPDATE flushes SET tenants = tenants || $2::text WHERE id = $1", id, key.Tenant)
		w.exec(tx, `INSERT INTO usage_daily AS u (tenant, day, feature, total_tokens, events)
			VALUES ($1, $2::date, 'chat', $3, $4)
			ON CONFLICT (tenant, day, feature) DO UPDATE SET total_tokens = u.total_tokens + excluded.total_tokens, events = u.events + excluded.events`,
			key.Tenant, key.Day.String(), n[meter.Tokens], n[meter.Events])
	}
	if err := tx.Commit(); err != nil {
		w.t.Fatal(err)
	}
}

// TestOverviewWhileUsageMoves makes overviews between whose commands anything may happen. Each
// must contain what was acknowledged before it began, and nothing that was not by its end.
func TestOverviewWhileUsageMoves(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	b := newBench(t)
	w := &world{bench: b, random: rand.New(rand.NewPCG(seed, 0)), acked: map[string]int64{}}
	for i := range 5 {
		w.names = append(w.names, fmt.Sprint("tenant-", i))
		w.exec(b.env.DB, "INSERT INTO tenants (name) VALUES ($1)", w.names[i])
	}
	w.refresh()
	hook := &between{}
	b.env.Valkey.AddHook(hook)
	certain := 0
	for range 200 {
		for range w.random.IntN(4) {
			w.happen()
		}
		before := map[string]int64{}
		for name, tokens := range w.acked {
			before[name] = tokens
		}
		hook.do = func() {
			for range max(0, w.random.IntN(7)-2) {
				w.happen()
			}
		}
		if w.random.IntN(3) == 0 {
			hook.do = nil // then the figures must be exact
		}
		o, err := w.Overview(t.Context())
		hook.do = nil
		if err != nil {
			t.Fatal(err)
		}
		if o.Stale {
			continue
		}
		certain++
		for _, r := range o.Tenants {
			if name := r.Tenant.Name; r.Used[meter.Tokens] < before[name] ||
				r.Used[meter.Tokens] > w.acked[name] {
				t.Fatalf("seed %d: %s has %d tokens; acknowledged were %d before and %d after", seed, name,
					r.Used[meter.Tokens], before[name], w.acked[name])
			}
		}
	}
	if certain < 50 {
		t.Errorf("seed %d: only %d of 200 overviews were not stale", seed, certain)
	}
}
