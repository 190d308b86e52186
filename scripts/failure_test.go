package scripts

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

func TestScriptsThatValkeyForgotAreLoadedAgain(t *testing.T) {
	t.Parallel()
	r := ownRig(t)
	forget := func() {
		t.Helper()
		if err := r.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	forget()
	r.add(chat(5)) // ingest.lua and usage.lua in one pipeline
	forget()
	if got := r.tokens("acme"); got != 5 {
		t.Errorf("%d tokens, want 5", got)
	}
	forget()
	sealed := r.seal(now + 1)
	forget()
	if n := r.ack(ids(sealed.Raw), ids(sealed.Sums)); n != 2 {
		t.Errorf("%d batches were waiting, want 2", n)
	}

	// Only usage.lua is unknown: ingest.lua has run by then and runs once more.
	forget()
	if err := ingestScript.Load(t.Context(), r.client).Err(); err != nil {
		t.Fatal(err)
	}
	q := Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today, To: today + 1}}}
	_, tokens, err := r.Ingest(t.Context(), 0, r.group(chat(7)), window, q)
	if err != nil || tokens[0][meter.Tokens] != 12 {
		t.Errorf("got %v, %v; want 12", tokens, err)
	}
}

func TestAFullValkeyRefusesEventsAndDrains(t *testing.T) {
	t.Parallel()
	r := ownRig(t)
	limit := func(bytes string) {
		t.Helper()
		if err := r.client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	r.add(chat(5))
	before := r.dump()

	limit("1")
	for _, loaded := range []bool{true, false} {
		if !loaded {
			if err := r.client.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := r.Ingest(t.Context(), 0, r.group(chat(5)), window, Query{})
		if !errors.Is(err, valkey.ErrFull) || valkey.Transient(err) {
			t.Errorf("script loaded: %t: got %v, want ErrFull, which is not transient", loaded, err)
		}
	}
	r.same(before)
	if got := r.tokens("acme"); got != 5 {
		t.Errorf("usage: %d tokens, want 5", got)
	}
	sealed := r.seal(now + 1)
	if len(sealed.Raw) != 1 || len(sealed.Sums) != 1 {
		t.Fatalf("seal: %+v", sealed)
	}
	if n := r.ack(ids(sealed.Raw), ids(sealed.Sums)); n != 2 {
		t.Errorf("ack: %d batches were waiting, want 2", n)
	}
	if err := r.Drop(t.Context(), 0, ids(sealed.Sums)); err != nil {
		t.Errorf("drop: %v", err)
	}

	limit("0")
	r.add(chat(6))
	if got := r.tokens("acme"); got != 6 {
		t.Errorf("after it has room again: %d tokens, want 6", got)
	}
}

// What Valkey really says when it cannot work now.
func TestAValkeyThatCannotWorkNowIsTransient(t *testing.T) {
	t.Parallel()
	r := ownRig(t)
	r.add(chat(5))
	set := func(name, value string) {
		t.Helper()
		if err := r.client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(why string) {
		t.Helper()
		_, _, err := r.Ingest(t.Context(), 0, r.group(chat(5)), window, Query{})
		if err == nil || !valkey.Transient(err) {
			t.Errorf("%s: got %v, want a transient error", why, err)
		}
	}

	if err := r.client.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	refused("a replica")
	set("replica-serve-stale-data", "no")
	refused("a replica without its master")
	if err := r.client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}

	set("busy-reply-threshold", "1")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		slow := r.client.WithTimeout(time.Minute)
		_ = slow.Eval(context.Background(), "while true do end", nil).Err() // until it is killed
	}()
	for r.client.Ping(t.Context()).Err() == nil && t.Context().Err() == nil {
		time.Sleep(time.Millisecond) // the script has not begun, or not been noticed
	}
	refused("a slow script")
	if err := r.client.ScriptKill(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	<-ended

	r.add(chat(6))
	if got := r.tokens("acme"); got != 11 {
		t.Errorf("%d tokens, want 11: what was refused has left no trace", got)
	}
}

func TestAValkeyThatIsGoneIsTransient(t *testing.T) {
	client, err := valkey.Connect("redis://127.0.0.1:1/0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	v := New(client, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for name, call := range map[string]func() error{
		"ingest":   func() error { _, _, err := v.Ingest(ctx, 0, Group{}, window, Query{}); return err },
		"seal":     func() error { _, err := v.Seal(ctx, 0, now, 8); return err },
		"ack":      func() error { _, err := v.Ack(ctx, 0, nil, nil); return err },
		"tokens":   func() error { _, err := v.Totals(ctx, 0, Query{Tenants: []meter.TenantDays{{}}}); return err },
		"features": func() error { _, err := v.Features(ctx, 0, Query{Tenants: []meter.TenantDays{{}}}); return err },
		"sums":     func() error { _, err := v.SumBatches(ctx, 0); return err },
		"lines":    func() error { _, err := v.RawLines(ctx, 0, "id"); return err },
		"sum":      func() error { _, err := v.ReadSum(ctx, 0, "id"); return err },
		"drop":     func() error { return v.Drop(ctx, 0, []string{"id"}) },
		"save":     func() error { return v.TenantsCopy().Save(ctx, nil) },
		"load":     func() error { _, err := v.TenantsCopy().Load(ctx); return err },
		"revoke":   func() error { return v.RevokeKeys(ctx, map[uuid.UUID]time.Time{{1}: {}}) },
		"revoked":  func() error { _, err := v.RevokedKeys(ctx); return err },
		"forget":   func() error { return v.ForgetRevoked(ctx, []uuid.UUID{{1}}) },
		"ping":     func() error { return v.Ping(ctx) },
	} {
		if err := call(); err == nil || !valkey.Transient(err) {
			t.Errorf("%s: got %v, want a transient error", name, err)
		}
	}
}
