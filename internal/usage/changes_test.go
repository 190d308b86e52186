package usage

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// changed expects what c names next, in order of names.
func (b *bench) changed(c *Changes, want ...string) {
	b.t.Helper()
	names, all, err := c.Next(b.t.Context())
	slices.Sort(names)
	if err != nil || all || !slices.Equal(names, want) {
		b.t.Errorf("got %q, all %v, %v; want %q", names, all, err, want)
	}
}

// follow returns a follower that has just seen everybody.
func (b *bench) follow() *Changes {
	b.t.Helper()
	c := b.Changes()
	b.refresh()
	if _, all, err := c.Next(b.t.Context()); err != nil || !all {
		b.t.Fatalf("the first answer is not everybody: %v", err)
	}
	b.changed(c)
	return c
}

func TestChangesNameWhoeverMayDiffer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(b *bench)
		want   []string
	}{
		{"nothing", func(*bench) {}, nil},
		{"an acknowledged event", func(b *bench) {
			g := scripts.Group{Committer: "c", Number: 1, Lines: []byte("x"), Counters: []scripts.Counter{
				{Minute: b.Now().Unix() / 60, Day: 20_522, Tenant: "acme", Feature: "chat",
					Amounts: meter.Amounts{5, 1}}}}
			if _, _, err := b.valkey.Ingest(b.t.Context(), 0, g, time.Hour, scripts.Query{}); err != nil {
				b.t.Fatal(err)
			}
		}, []string{"acme"}},
		{"a settled batch or a correction", func(b *bench) {
			b.commitSum(b.env.DB, "globex", 5)
		}, []string{"globex"}},
		{"a quota", func(b *bench) {
			b.exec(b.env.DB, "UPDATE tenants SET monthly_quota = 7 WHERE name = 'acme'")
		}, []string{"acme"}},
		{"thresholds", func(b *bench) {
			b.exec(b.env.DB, "UPDATE tenants SET thresholds = '{50}' WHERE name = 'acme'")
		}, []string{"acme"}},
		{"a billing day", func(b *bench) {
			b.exec(b.env.DB, "UPDATE tenants SET billing_day = 5 WHERE name = 'acme'")
		}, []string{"acme"}},
		{"a time zone", func(b *bench) {
			b.exec(b.env.DB, "UPDATE tenants SET timezone = 'Asia/Tokyo' WHERE name = 'acme'")
		}, []string{"acme"}},
		{"archived", func(b *bench) {
			b.exec(b.env.DB, "UPDATE tenants SET archived_at = now() WHERE name = 'acme'")
		}, []string{"acme"}},
		{"a new tenant", func(b *bench) {
			b.exec(b.env.DB, "INSERT INTO tenants (name) VALUES ('initech')")
		}, []string{"initech"}},
		{"an edit that changes nothing", func(b *bench) {
			b.exec(b.env.DB, "UPDATE tenants SET monthly_quota = monthly_quota")
		}, nil},
		{"a new period", func(b *bench) {
			b.Set(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
		}, []string{"acme", "globex"}},
		{"an outage longer than a view lasts", func(b *bench) {
			b.Advance(Grace)
		}, []string{"acme", "globex"}},
		{"a clock that was set back", func(b *bench) {
			b.Advance(-time.Hour)
		}, []string{"acme", "globex"}},
		{"a recovery from lost writes", func(b *bench) {
			b.exec(b.env.DB, "INSERT INTO flushes (id, shard, kind, seq, rows, tokens) VALUES ($1, 0, "+
				"'rewind', $2, 0, 0)",
				uuid.NewString(), int64(ledger.Epoch))
		}, []string{"acme", "globex"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			c := b.follow()
			b.Advance(time.Second)
			tt.change(b)
			b.refresh()
			b.changed(c, tt.want...)
			b.changed(c)
		})
	}
}

// A change that is announced can be read, and one that comes while Valkey is away is kept.
func TestChangesAreKeptUntilTheyAreTold(t *testing.T) {
	b := newBench(t)
	c := b.follow()
	b.commitSum(b.env.DB, "acme", 5)
	b.Advance(time.Second)
	b.refresh()
	valkey := b.Live.valkey
	broken := *b.env.Valkey.Options()
	broken.Addr = "127.0.0.1:1"
	b.Live.valkey = scripts.New(newClient(t, &broken), 1)
	if _, _, err := c.Next(t.Context()); err == nil {
		t.Fatal("no error without Valkey")
	}
	b.Live.valkey = valkey
	b.changed(c, "acme")
	usages, err := b.Of(t.Context(), []string{"nobody", "acme"})
	if err != nil || len(usages) != 1 || usages[0].Used[meter.Tokens] != 5 ||
		usages[0].Tenant.Name != "acme" {
		t.Errorf("got %+v, %v", usages, err)
	}
}

func newClient(t *testing.T, o *redis.Options) *redis.Client {
	t.Helper()
	client := redis.NewClient(o)
	t.Cleanup(func() { client.Close() })
	return client
}
